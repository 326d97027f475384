"""Files: what a configured path means, reads of one state, and what has changed since.

A file may be half written in three ways. A writer has it open: `watch.inotify_observer` reports `Arrival.WRITING`.
It changes while it is read: `reading` says `unstable`. It is at rest, but only the beginning of what it was: the
load says so (`shrank`). How long to wait is decided in `engine.debounce`, by `Round`.
"""
