"""What is known of a running watcher: statistics, health."""
