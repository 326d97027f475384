"""A site that greets as `config.toml` says."""
