"""The fleet: followed while its screen is open."""
