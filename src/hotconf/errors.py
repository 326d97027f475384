"""What is raised on purpose: for the caller's mistakes `UsageError`, for the files' `problems.ConfigError`."""


class UsageError(Exception):
    """The caller used hotconf in a way that cannot work; the message says what to do instead."""


class NoConfigError(UsageError):
    """The config was asked for before there was one: not started, or no good file has been seen yet."""
