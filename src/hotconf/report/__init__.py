"""What people and tools read, as pure text."""
