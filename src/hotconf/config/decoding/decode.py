"""`decode`: texts under names, such as environment variables, become the table of a layer, as the model has it.

Text stays text where the model takes text. Other scalars are read as pydantic reads text in its lax mode, also where
the model is strict; arrays and tables are JSON. What cannot be read stays text, and the model complains of it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from hotconf.config.decoding.names import At, Stray, all_names, find, folded
from hotconf.config.decoding.values import form_of, read
from hotconf.config.layers import LayerTable, TextTable, copied
from hotconf.config.shape import Shape
from hotconf.config.suggest import suggest
from hotconf.config.validation.unknown import MAX_COMPARED, Budget
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Kind, Problem, Related, Severity
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import is_secret_path
from hotconf.snapshot import Origin
from hotconf.text import quoted, shortened

_LONGEST: Final = 60
_MAX_HINTS: Final = 100
_SERVICE: Final = re.compile(
    r"(?:(.+?)_)??(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
_ADDRESS: Final = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+")
_UNLINK: Final = "set enableServiceLinks: false in the pod's spec, or take another prefix"


def decode(given: TextTable, shape: Shape) -> LayerTable:
    """The table that `given` is for a model of that shape. What is wrong with single texts is in its `problems`."""
    work = _Decoding(given, shape)
    found = []
    for name, (text, origin) in given.texts.items():
        at = find(name, shape, given)
        if isinstance(at, At):
            found.append((at, name, text, origin))
        elif at is not None:
            work.stray(at, name, origin)
    for at, name, text, origin in sorted(found, key=lambda each: len(each[0].path)):
        work.put(at, name, text, origin)
    work.report_strays()
    return LayerTable(
        given.layer,
        work.table,
        origins=work.origins,
        texts=work.texts,
        hints=work.hints,
        loose=frozenset(work.loose),
        problems=(*given.problems, *work.problems),
        earlier={at.path: given.earlier[name] for at, name, *_ in found if name in given.earlier},
        secret=given.secret,
    )


class _Decoding:
    """What was decoded so far."""

    def __init__(self, given: TextTable, shape: Shape) -> None:
        self.table: dict[str, Any] = {}
        self.origins: dict[KeyPath, Origin] = {}
        self.texts: dict[KeyPath, str] = {}
        self.hints: dict[KeyPath, str] = {}
        self.loose: set[KeyPath] = set()
        self.problems: list[Problem] = []
        self._given = given
        self._root = shape
        self._strays: list[tuple[Stray, str, Origin]] = []
        self._put: dict[KeyPath, Any] = {}
        """What was given for each key."""
        self._known: tuple[str, ...] | None = None
        """All names that lead to fields."""

    def put(self, at: At, name: str, given: Any, origin: Origin) -> None:
        """`given`, under `name`, stands at that place."""
        path = at.path
        if path in self.origins:
            if self._put[path] != given:
                first = Related("first given", None, None, None, where=self.origins[path].where)
                text = f"Key given twice: {dotted(path)} is the same as {first.where}"
                self._add(text, path, origin, hint="keep one of the two", related=(first,))
            return
        self.origins[path], self._put[path] = origin, given
        self.loose.update(at.loose)
        value = given
        if not isinstance(given, str):
            value = self._copied(at, given, origin)
        else:
            self.texts[path] = given
            if _is_not_utf8(given):
                self._add("Not UTF-8", path, origin, kind="encoding", hint="write it as UTF-8")
            else:
                value = self._decoded(at, name, given, origin)
        self._lay(path, value)

    def _copied(self, at: At, given: Any, origin: Origin) -> Any:
        try:
            value = copied(origin.where, given, at.path)
        except UsageError as error:
            self._add(str(error).removeprefix(f"{origin.where}: "), at.path, origin)
            return None
        for place, item in enumerate(value) if isinstance(value, list) else ():
            if isinstance(item, str):
                self.texts[(*at.path, place)] = item
                value[place], _ = read(item, at.shape.child(place), at.shape, whole=at.whole)
        return value

    def _decoded(self, at: At, name: str, text: str, origin: Origin) -> Any:
        value, wrong = read(text, at.shape, at.around, whole=at.whole)
        form, path = form_of(at.shape), at.path
        if wrong:
            self._add(f"Invalid JSON: {wrong}", path, origin, kind="syntax", hint=self._how(at, name))
        elif wrong is not None:
            expected = " or ".join(("table",) * form.tables + ("array",) * form.arrays)
            got = "string" if self._is_secret(at) else shown(text)
            message = f"Type mismatch: {dotted(path)} expected {expected}, got {got}"
            self._add(message, path, origin, hint=self._how(at, name))
        if self._is_of_service(name):
            self.hints[path] = f"Kubernetes sets this variable for a service: {_UNLINK}"
            if form.text:
                self._add(f"{dotted(path)} is what Kubernetes says of a service", path, origin, "warning", _UNLINK)
        return value

    def _is_secret(self, at: At) -> bool:
        return self._given.secret or at.secret or at.shape.holds_secrets or is_secret_path(at.path)

    def _lay(self, path: KeyPath, value: Any) -> None:
        table = self.table
        for key in path[:-1]:
            below = table.get(str(key))
            if type(below) is not dict:
                below = table[str(key)] = {}
            table = below
        table[str(path[-1])] = value

    def _how(self, at: At, name: str) -> str:
        """How to write an array or a table."""
        if not form_of(at.shape).tables:
            return 'write it as JSON: ["…", "…"]'
        key, nested = next(iter(at.shape.keys), "key"), self._given.nested
        singly = f", or set each key: {self._named(name + nested + folded(key), name)}" if nested else ""
        return f'write it as JSON: {{"{key}": …}}{singly}'

    def _named(self, name: str, like: str) -> str:
        """A name with its prefix, in upper case if that of `like` is."""
        given = self._given
        return given.prefix + (name.upper() if like == like.upper() and not given.case_sensitive else name)

    # Names that lead nowhere

    def stray(self, at: Stray, name: str, origin: Origin) -> None:
        """`name` leads to no field."""
        self._strays.append((at, name, origin))

    def report_strays(self) -> None:
        """One warning for each, but only one for all that Kubernetes says of its services."""
        services = [origin for _, name, origin in self._strays if self._is_of_service(name)]
        if services:
            more = f", and {len(services) - 1} more" if len(services) > 1 else ""
            text = f"Kubernetes sets it for a service{more}: no field has this name"
            self._add(text, (), services[0], "warning", _UNLINK)
        left = Budget(_MAX_HINTS, MAX_COMPARED)
        for at, name, origin in self._strays:
            if not self._is_of_service(name):
                self._report(at, name, origin, left)

    def _report(self, at: Stray, name: str, origin: Origin, left: Budget) -> None:
        given, form, path = self._given, form_of(at.around), (*at.path, at.rest)
        if at.path and form.arrays and not form.tables:
            array = name[: len(name) - len(at.rest) - len(given.nested or "")]
            hint = f'write all of them as JSON: {given.prefix}{array}=["…", "…"]'
            self._add(f"Items of arrays cannot be set one by one: {dotted(at.path)}", path, origin, hint=hint)
            return
        if self._known is None:
            self._known = tuple(all_names(self._root, given))
        near = suggest(name, self._known) if left.afford(len(self._known)) else None
        if near is not None or given.prefix or given.strict or at.path:  # else another program's, among secrets
            meant = None if near is None else f"did you mean {self._named(near, name)}?"
            severity: Severity = "error" if given.strict else "warning"
            self._add(f"Unknown key: {dotted(path)}", path, origin, severity, meant)

    def _is_of_service(self, name: str) -> bool:
        """Whether Kubernetes sets such a variable, for a service whose name begins as the prefix does."""
        found = _SERVICE.fullmatch(name)
        if found is None:
            return False
        texts = self._given.texts
        service = f"{found[1]}_" if found[1] else ""
        beside = (f"{service}SERVICE_HOST" in texts) and (f"{service}SERVICE_PORT" in texts)
        text = texts[name][0]
        return beside or (isinstance(text, str) and _ADDRESS.fullmatch(text) is not None)

    def _add(
        self,
        message: str,
        path: KeyPath,
        origin: Origin,
        severity: Severity = "error",
        hint: str | None = None,
        *,
        kind: Kind = "schema",
        related: tuple[Related, ...] = (),
    ) -> None:
        self.problems.append(Problem(message, path, kind, severity, hint, related=related, where=origin.where))


def shown(text: str) -> str:
    """A text that is no secret, for a message."""
    return quoted(shortened(mask_credentials(text), _LONGEST))


def _is_not_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
