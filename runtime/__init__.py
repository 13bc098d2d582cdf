"""Infrastructure of the processes: settings, Temporal client and server, bus, archive client, shutdown."""
