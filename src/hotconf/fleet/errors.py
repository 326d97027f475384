"""Errors of the fleet. No message contains a password, a token or a value of a document."""

from __future__ import annotations


class FleetError(Exception):
    """etcd refused a request, or could not be reached; the message is one line that says what and why."""


class UnreachableError(FleetError):
    """No endpoint answered; nothing was changed."""


class ReplyLostError(UnreachableError):
    """The answer to a write was lost: the write may or may not have happened."""


class SilentError(ReplyLostError):
    """No answer has come in time."""


class DeniedError(FleetError):
    """etcd does not authenticate this user, or does not permit the request."""


class RefusedError(FleetError):
    """etcd refused the request; nothing was changed."""


class CompactedError(RefusedError):
    """The requested revision is compacted: read the current state, then watch."""


class LeaseLostError(RefusedError):
    """The lease has expired or was revoked; all keys attached to it are deleted."""


class TooLargeError(FleetError):
    """The document is larger than etcd accepts."""


class MalformedError(FleetError):
    """A key of the fleet holds something that hotconf did not write."""
