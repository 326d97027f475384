"""`Etcd`: the main document of a watcher, from a fleet in etcd."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from hotconf import arguments
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
    """The document that is published in the fleet `name`, in the place of a file:

        HotReloadWatcher(Etcd("shop/prod", "https://etcd1.example.com:2379"), AppConfig, state_dir="/var/lib/shop")

    While it is watched, this process takes part in the fleet: its record says which version it serves, or why not.
    An outage of etcd, of any length, changes nothing of what is served. A source belongs to one watcher.
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

        `name`: the fleet's, such as `shop/prod`. `endpoints`: URLs of etcd's servers, as a list or separated by
        commas. `tls`: certificates are verified, by default with those that the system trusts. `user`, `password`:
        the password may be a function, which is asked at each login. `instance`: who this is, by default the name of
        the host; all processes of one instance serve the same. `labels`: by which canaries may be chosen; not secret.
        `insecure`: plain text may go over a network; to loopback addresses it always may.

        Raises `UsageError` for what cannot work, or is not safe.
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
        """As its arguments: in another process it arrives as a source that is not watched yet."""
        return partial(type(self), **self._arguments), ()

    def as_observer(self) -> Etcd:
        """The same, without taking part: it has no record and no vote."""
        made = type(self)(**self._arguments)
        made._place = self._place._replace(observes=True)
        return made

    def __repr__(self) -> str:
        """Without a password."""
        return f"<Etcd {self._name!r} at {', '.join(map(str, self._place.access.endpoints))}>"

    @property
    def name(self) -> str:
        """The fleet's."""
        return self._name

    @property
    def instance(self) -> str:
        """Who this is in the fleet."""
        return self._place.instance

    @property
    def reached(self) -> dict[str, Any]:
        """The arguments of the `Fleet` that this follows; endpoints as URLs. They may hold a password."""
        given = {name: value for name, value in self._arguments.items() if name not in ("instance", "labels")}
        return given | {"endpoints": [str(each) for each in self._place.access.endpoints]}

    def read(self) -> Fetched | Problem:
        """What this instance is to serve, as it was received last; if it is not watched, as it is in etcd now."""
        follower = self._follower
        return self._look() if follower is None else follower.read()

    def watch(self, link: Link) -> Callable[[], object]:
        """Take part in the fleet."""
        if exposed := self._place.access.exposed:
            text = "%s: everything goes in plain text over the network to %s"
            log.warning("fleet", text, self._name, ", ".join(map(str, exposed)))
        follower = self._follower = Follower(self._place, link)
        follower.start()
        return follower.close

    @property
    def trouble(self) -> str | None:
        """Why changes may not be noticed."""
        follower = self._follower
        return None if follower is None else follower.trouble

    def ended(self, verdict: Verdict) -> None:
        """Say in the fleet what became of it."""
        follower = self._follower
        if follower is not None:
            follower.post(Loaded(verdict))

    def _look(self) -> Fetched | Problem:
        """Once, without taking part."""
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
    """The name of this host, as far as an instance may be called so."""
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
