"""What the library logs, without secrets, on a thread of its own."""
