"""Threads, forks, signals, descriptors and system calls."""
