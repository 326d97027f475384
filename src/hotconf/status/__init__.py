"""What each process runs, for others on the machine: a file a process in the state directory, without values."""
