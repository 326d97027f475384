"""Which thread does what: one running watcher, and the thread that drives all of them."""
