"""How to reach etcd: endpoints, TLS, user. Arguments are checked before any contact.

Rule 1: connections are encrypted, and servers' certificates verified. Plain text is for loopback addresses only,
unless `insecure` is given.
Rule 2: a password is never shown; nor is an endpoint with an `@`, which may hold one.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.text import printable

DEFAULT_PORT: Final = 2379
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class TLS:
    """How to verify servers, and optionally a client certificate. All are paths of PEM files."""

    ca: str | None = None
    """The CA certificates of the servers; None: those that the system trusts."""
    cert: str | None = None
    """A client certificate. It must have no CN, or etcd's JSON gateway refuses every request."""
    key: str | None = field(default=None, repr=False)
    """The key of `cert`, if it is in another file."""

    def context(self) -> ssl.SSLContext:
        """A context that verifies servers' certificates and names. Raises `UsageError` if a file cannot be used."""
        if self.cert is None and self.key is not None:
            raise UsageError("tls: a key needs its certificate")
        tried = [self.ca]
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                tried = [self.cert, self.key]
                context.load_cert_chain(self.cert, self.key, password=self._refuse_encrypted)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise UsageError(f"tls: {_unusable(tried, error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _refuse_encrypted(self) -> str:
        """In place of OpenSSL's question on the terminal."""
        raise UsageError(
            f"tls: {printable(self.key or self.cert or '')} is encrypted: give a key without a passphrase"
        )


def _unusable(tried: Iterable[str | None], error: Exception) -> str:
    """Which of these files cannot be used, and why; OpenSSL does not say."""
    paths = [Path(path) for path in tried if path is not None]
    for path in paths:
        if not os.access(path, os.R_OK):
            why = "permission denied" if path.exists() else "no such file"
            return f"{printable(str(path))} cannot be used: {why}"
    names = ", ".join(printable(str(path)) for path in paths) or "the trusted certificates"
    reason = error.reason.replace("_", " ").lower() if isinstance(error, ssl.SSLError) and error.reason else ""
    return f"{names} cannot be used: {printable(reason or getattr(error, 'strerror', None) or type(error).__name__)}"


class Endpoint(NamedTuple):
    """One etcd server."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name or an address; IPv6 in brackets."""
    port: int

    @property
    def encrypted(self) -> bool:
        """Whether connections use TLS."""
        return self.scheme == "https"

    @property
    def local(self) -> bool:
        """Whether it is a loopback address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach etcd."""

    endpoints: tuple[Endpoint, ...]
    context: ssl.SSLContext | None = field(default=None, repr=False)
    """None if no endpoint is encrypted."""
    presents: bool | None = None
    """Whether `context` has a client certificate; None if unknown."""
    user: str | None = None
    password: str | Callable[[], str] | None = field(default=None, repr=False)

    @property
    def exposed(self) -> tuple[Endpoint, ...]:
        """Endpoints that are reached in plain text over a network, with `insecure`."""
        return tuple(each for each in self.endpoints if not (each.encrypted or each.local))

    def secret(self) -> str:
        """The current password. A callable is called each time, so passwords can be rotated."""
        return (self.password() if callable(self.password) else self.password) or ""


def access(
    endpoints: str | Iterable[str],
    *,
    tls: TLS | ssl.SSLContext | None = None,
    user: str | None = None,
    password: str | Callable[[], str] | None = None,
    insecure: bool = False,
) -> Access:
    """Check the arguments. Raises `UsageError` for arguments that cannot work, or are not safe.

    `endpoints`: URLs, or `host:port`, as a list or separated by commas; without a scheme: `https`, for loopback
    addresses without `tls` `http`. `tls`: by default the system's trusted certificates count. `password`: a text, or
    a function that returns it. `insecure`: plain text may go over a network.
    """
    arguments.flag("insecure", insecure)
    given = endpoints.split(",") if isinstance(endpoints, str) else arguments.items("endpoints", endpoints, "URLs")
    if any(isinstance(each, str) and "@" in each for each in given):
        raise UsageError("endpoints: give the user and the password as arguments, not in the URL")
    found = tuple(dict.fromkeys(_endpoint(each, secure=tls is not None) for each in given))
    if not found:
        raise arguments.wrong("endpoints", endpoints, "at least one URL, such as https://etcd1.example.com:2379")
    if tls is not None and not isinstance(tls, TLS | ssl.SSLContext):
        raise arguments.wrong("tls", tls, "hotconf.fleet.TLS(ca=…) or an ssl.SSLContext")
    if (user is None) != (password is None):
        raise UsageError("user and password: give both or neither")
    if user is not None and not _is_name(user):
        raise arguments.wrong("user", user, "the name of a user of etcd")
    if password is not None and not (isinstance(password, str) or callable(password)):
        raise UsageError(f"password {arguments.of_type(password)}: give a str, or a function that returns one")
    if not insecure and (open_ := next((each for each in found if not (each.encrypted or each.local)), None)):
        text = f"endpoints: {open_} would be spoken to in plain text over a network"
        raise UsageError(f"{text}: give an https:// URL, or insecure=True (--insecure)")
    context = None
    presents = None if isinstance(tls, ssl.SSLContext) else tls is not None and tls.cert is not None
    if any(each.encrypted for each in found):
        context = tls if isinstance(tls, ssl.SSLContext) else (tls or TLS()).context()
    return Access(found, context, presents, user, password)


def _endpoint(given: object, *, secure: bool) -> Endpoint:
    expected = "a URL such as https://etcd1.example.com:2379"
    if not isinstance(given, str):
        raise arguments.wrong("endpoints", given, expected)
    text = given.strip()
    bare = "://" not in text
    try:
        parts = urlsplit(f"//{text}" if bare else text)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise arguments.wrong("endpoints", text, expected) from None
    host = parts.netloc[: len(parts.netloc) - len(f":{parts.port}")] if parts.port else parts.netloc.rstrip(":")
    wanted = parts.scheme in (("",) if bare else ("http", "https"))
    if not wanted or not _HOST.fullmatch(host) or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise arguments.wrong("endpoints", text, expected)
    host = host.lower()
    scheme = parts.scheme or "https"
    if bare and not secure and Endpoint("http", host, port).local:
        scheme = "http"
    return Endpoint(scheme, host, port)


def _is_name(given: object) -> bool:
    return isinstance(given, str) and bool(given)
