"""How processes are put together: settings, Temporal client and server, bus, and the signals that stop a process."""
