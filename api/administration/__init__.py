"""Administration: reads and changes the configuration of an instance at run time."""
