"""What an operator does with a fleet, and gets to know of it."""
