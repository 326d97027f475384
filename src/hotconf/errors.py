"""What is raised on purpose: for the caller's mistakes `UsageError`, for the files' `problems.ConfigError`."""


class UsageError(Exception):
    """The caller used hotconf in a way that cannot work; the message says what to do instead."""


class NoConfigError(UsageError):
    """There is no configuration yet: the watcher is not started, or no valid file has been loaded."""
