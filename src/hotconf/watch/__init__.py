"""How changes are noticed."""
