"""Effects: files, the kernel's events, threads and time. Decisions are left to `hotconf.core`."""
