"""The schema of the configuration: instances and the sections they consist of."""
