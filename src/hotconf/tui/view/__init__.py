"""What the app shows, as values: no Textual, no watcher, no clock."""
