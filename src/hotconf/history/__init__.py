"""Earlier states on disk: kept, recalled, restored."""
