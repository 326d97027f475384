"""What can go wrong between here and etcd. No message holds a password, a token or a document's value."""

from __future__ import annotations


class FleetError(Exception):
    """The fleet's store refused something, or could not be asked; one line that says what and why."""


class UnreachableError(FleetError):
    """No endpoint answered, and nothing was done."""


class ReplyLostError(UnreachableError):
    """The answer to a request that changes something was lost: it may or may not have been done."""


class DeniedError(FleetError):
    """etcd does not let this user in, or not do this."""


class RefusedError(FleetError):
    """etcd refused the request, and nothing was done."""


class CompactedError(RefusedError):
    """The revision asked for is compacted: read the current state, then watch."""


class LeaseLostError(RefusedError):
    """The lease has expired or was revoked, and with it all keys that were attached to it."""


class TooLargeError(FleetError):
    """The document is larger than etcd accepts."""


class MalformedError(FleetError):
    """A key of the fleet holds what no hotconf has written."""
