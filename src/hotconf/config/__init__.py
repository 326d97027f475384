"""Tables to a configuration, pure: merge, validate, freeze, diff, redact."""
