"""For tests of programs that use hotconf: a watcher of a file that a test writes. Also a pytest plugin."""
