"""Threads and life: one watcher at work, and the thread that drives all of them."""
