"""`Etcd`: the main document of a watcher, from a fleet in etcd."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.fleet.errors import FleetError
from hotconf.fleet.etcd.access import TLS, access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Get
from hotconf.fleet.instance.follower import Follower, Place, nothing_in
from hotconf.fleet.instance.machine import label_of
from hotconf.fleet.instance.steps import Loaded
from hotconf.fleet.protocol.keys import PREFIX, Keys, check_instance
from hotconf.fleet.protocol.records import Current
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.sources.source import Fetched, Link, Source, Verdict

_LONGEST_LABEL: Final = 256


class Etcd(Source):
    """The document of the fleet `name`, in place of a file:

        HotReloadWatcher(Etcd("shop/prod", "https://etcd1.example.com:2379"), AppConfig, state_dir="/var/lib/shop")

    While it is watched, this process is registered in the fleet: its record says which version it serves, or why not.
    An outage of etcd, of any length, does not change what is served. A source belongs to one watcher.
    """

    __slots__ = ("_arguments", "_follower", "_name", "_place")

    kind = "etcd"

    def __init__(
        self,
        name: str,
        endpoints: str | Iterable[str],
        *,
        tls: TLS | ssl.SSLContext | None = None,
        user: str | None = None,
        password: str | Callable[[], str] | None = None,
        prefix: str = PREFIX,
        instance: str | None = None,
        labels: Mapping[str, str] | None = None,
        insecure: bool = False,
    ) -> None:
        """Nothing is sent before the watcher starts.

        `name`: the fleet, such as `shop/prod`. `endpoints`: URLs of etcd's servers, as a list or separated by commas.
        `tls`: servers' certificates are always verified; by default, with the CAs that the system trusts. `user`,
        `password`: the password may be a function, which is called at each login. `instance`: the name in the fleet,
        by default the host name; all processes of one instance serve the same. `labels`: for choosing canaries; not
        secret. `insecure`: allow plain text over a network; to loopback addresses, it is always allowed.

        Raises `UsageError` for arguments that cannot work, or are not safe.
        """
        if not isinstance(endpoints, str):
            endpoints = arguments.items("endpoints", endpoints, "URLs")
        reached = access(endpoints, tls=tls, user=user, password=password, insecure=insecure)
        who = check_instance(_host() if instance is None else instance)
        self._place = Place(name, reached, Keys.of(name, prefix), who, _checked(labels))
        self._name = name
        self._follower: Follower | None = None
        self._arguments: dict[str, Any] = {
            "name": name,
            "endpoints": endpoints,
            "tls": tls,
            "user": user,
            "password": password,
            "prefix": prefix,
            "instance": instance,
            "labels": labels,
            "insecure": insecure,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """As its arguments: in another process, it is a source that is not watched yet."""
        return partial(type(self), **self._arguments), ()

    def as_observer(self) -> Etcd:
        """A copy that does not join the fleet: it has no record and no vote."""
        made = type(self)(**self._arguments)
        made._place = self._place._replace(observes=True)
        return made

    def __repr__(self) -> str:
        """Without a password."""
        return f"<Etcd {self._name!r} at {', '.join(map(str, self._place.access.endpoints))}>"

    @property
    def name(self) -> str:
        """The name of the fleet."""
        return self._name

    @property
    def path(self) -> Path:
        """With the prefix, so that states of another fleet of the same name are not this one's."""
        return Path(f"/(etcd{self._arguments['prefix']})/{self._name}")

    @property
    def instance(self) -> str:
        """The name of this instance in the fleet."""
        return self._place.instance

    @property
    def reached(self) -> dict[str, Any]:
        """Arguments for a `Fleet`, with endpoints as URLs. They may contain a password."""
        given = {name: value for name, value in self._arguments.items() if name not in ("instance", "labels")}
        return given | {"endpoints": [str(each) for each in self._place.access.endpoints]}

    def read(self) -> Fetched | Problem:
        """The latest document for this instance; if it is not watched, from etcd now."""
        follower = self._follower
        return self._look() if follower is None else follower.read()

    def watch(self, link: Link) -> Callable[[], object]:
        """Join the fleet. Returns the function that leaves it. Raises `UsageError` for a second watcher at a time."""
        before = self._follower
        if before is not None and before.is_ours and not before.is_closed:
            raise UsageError(f"{self!r} belongs to another watcher: give each watcher a source of its own")
        if exposed := self._place.access.exposed:
            text = "%s: everything goes in plain text over the network to %s"
            log.warning("fleet", text, self._name, ", ".join(map(str, exposed)))
        forked = None if before is None or before.is_ours else before
        follower = self._follower = Follower(self._place, link, forked)
        follower.start()
        return follower.close

    @property
    def trouble(self) -> str | None:
        """Why changes may not be noticed, if so."""
        follower = self._follower
        return None if follower is None else follower.trouble

    def ended(self, verdict: Verdict) -> None:
        """Report the verdict in the record."""
        follower = self._follower
        if follower is not None:
            follower.post(Loaded(verdict))

    def _look(self) -> Fetched | Problem:
        """Read once, without joining."""
        place = self._place
        try:
            with Gateway(place.access) as gateway:
                found = gateway.get(Get(place.keys.current)).one
                if found is None:
                    return nothing_in(place.name)
                current = Current.decode(found.key, found.value)
                document = current.document_for(place.instance, place.labels)
                data = gateway.get(Get(place.keys.document(document.version))).one
        except FleetError as error:
            return Problem(f"etcd cannot be read: {error}", kind="unreadable")
        if data is None or not document.matches(data.value):
            what = "is not in etcd" if data is None else "does not have the digest that was published"
            return Problem(f"the document of version {document.version} {what}", kind="unreadable")
        return Fetched(data.value, label_of(document.version, current.epoch), document.format)


def _host() -> str:
    """The host name, with characters that are not allowed replaced."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")[:128] or "localhost"


def _checked(labels: object) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise arguments.wrong("labels", labels, "a mapping of texts")
    for key, value in labels.items():
        for text in (key, value):
            if not isinstance(text, str) or not text or len(text) > _LONGEST_LABEL:
                raise arguments.wrong("labels", text, f"texts of 1 to {_LONGEST_LABEL} characters")
    return dict(labels)
