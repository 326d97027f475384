"""Secrets of configurations: which values and keys are secret, and how values and source text are shown without."""
