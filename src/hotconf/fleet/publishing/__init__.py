"""The operator's side of a fleet: publishing, following, and its results."""
