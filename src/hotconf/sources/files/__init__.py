"""Files: what configured paths mean, reading them as one state, and what has changed since.

A file may be half written in three ways. A writer has it open: `watch.inotify_observer` reports `Arrival.WRITING`.
It changes while it is read: `reading` calls it `unstable`. It is at rest, but holds only the beginning of what it
held: the load lists it in `shrank`. How long to wait is decided in `engine.debounce`, by `Round`.
"""
