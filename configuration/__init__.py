"""What is configured now: the file's instances, and what was changed of them at run time."""
