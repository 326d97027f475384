"""A first configuration for any model: what each field means, and its default."""
