"""Configuration: the instances of the file, merged with the changes at run time; the policies of conversations."""
