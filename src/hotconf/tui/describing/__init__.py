"""What is known of a value: what its model says of it, and each layer."""
