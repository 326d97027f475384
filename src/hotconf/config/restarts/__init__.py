"""Values that a running program keeps until it is restarted."""
