"""What is made of a watcher's configuration: between its machine and the keeper of its resources."""
