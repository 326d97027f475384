"""What was in force: the generations of this session, the states on disk, and going back to one."""
