"""`decode`: texts under names, such as environment variables, become the table of a layer, as the model has it.

Text stays text where the model takes text. Other scalars are read as pydantic reads text in its lax mode, also where
the model is strict; arrays and tables are JSON. What cannot be read stays text, and the model complains of it.
"""

from __future__ import annotations

from typing import Any

from hotconf.config.decoding.names import At, Stray, find
from hotconf.config.decoding.values import read
from hotconf.config.layers import LayerTable, TextTable, at_origin, copied
from hotconf.config.shape import Shape
from hotconf.errors import UsageError
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.snapshot import Origin


def decode(given: TextTable, shape: Shape) -> LayerTable:
    """The table that `given` is for a model of that shape. What is wrong with single texts is in its `problems`."""
    work = _Decoding(given)
    found: list[tuple[At, str]] = []
    strays: list[tuple[Stray, str]] = []
    for name in given.texts:
        at = find(name, shape, given)
        if isinstance(at, At):
            found.append((at, name))
        elif at is not None:
            strays.append((at, name))
    for at, name in sorted(found, key=lambda each: len(each[0].path)):
        work.put(at, name)
    if strays:
        from hotconf.config.decoding import mistakes  # late, as in the rest of this module

        work.problems.extend(mistakes.strays(strays, given, shape))
    if given.beside:
        from hotconf.config.decoding import mistakes

        work.problems.extend(mistakes.misspelt_prefixes(given, shape))
    return LayerTable(
        given.layer,
        work.table,
        origins=work.origins,
        texts=work.texts,
        hints=work.hints,
        loose=frozenset(work.loose),
        problems=(*given.problems, *work.problems),
        earlier={at.path: given.earlier[name] for at, name in found if name in given.earlier},
        secret=given.secret,
    )


class _Decoding:
    """What was decoded so far."""

    def __init__(self, given: TextTable) -> None:
        self.table: dict[str, Any] = {}
        self.origins: dict[KeyPath, Origin] = {}
        self.texts: dict[KeyPath, str] = {}
        self.hints: dict[KeyPath, str] = {}
        self.loose: set[KeyPath] = set()
        self.problems: list[Problem] = []
        self._given = given
        self._put: dict[KeyPath, Any] = {}
        """What was given for each key."""
        self._services = any(name.endswith("SERVICE_HOST") for name in given.texts)
        """Kubernetes may have set some of them."""

    def put(self, at: At, name: str) -> None:
        """What stands under `name` stands at that place."""
        value, origin = self._given.texts[name]
        path = at.path
        if path in self.origins:
            if self._put[path] != value:
                from hotconf.config.decoding import mistakes

                self.problems.append(mistakes.twice(at, origin, self.origins[path]))
            return
        self.origins[path], self._put[path] = origin, value
        self.loose.update(at.loose)
        if isinstance(value, str):
            self.texts[path] = value
            value = self._decoded(at, name, value, origin)
        else:
            value = self._copied(at, value, origin)
        self._lay(path, value)

    def _copied(self, at: At, given: Any, origin: Origin) -> Any:
        try:
            value = copied(origin.where, given, at.path)
        except UsageError as error:
            text = str(error).removeprefix(f"{origin.where}: ")
            self.problems.append(at_origin(Problem(text, at.path, "schema"), origin))
            return None
        for place, item in enumerate(value) if isinstance(value, list) else ():
            if isinstance(item, str):
                self.texts[(*at.path, place)] = item
                value[place], _ = read(item, at.shape.child(place), at.shape, whole=at.whole)
        return value

    def _decoded(self, at: At, name: str, text: str, origin: Origin) -> Any:
        if not text.isascii() and _is_not_utf8(text):
            from hotconf.config.decoding import mistakes

            self.problems.append(mistakes.not_utf8(at, origin))
            return ""
        value, wrong = read(text, at.shape, at.around, whole=at.whole)
        if at.partial and not any(isinstance(value, dict if isinstance(way[0], str) else list) for way in at.ways):
            from hotconf.config.decoding import mistakes

            self.problems.append(mistakes.no_part(at, origin))
        if wrong is not None:
            from hotconf.config.decoding import mistakes

            self.problems.append(mistakes.no_json(at, name, self._given, wrong))
        if self._services or text.startswith(("tcp://", "udp://", "sctp://")):
            from hotconf.config.decoding import mistakes

            if mistakes.is_of_service(name, self._given):
                self.hints[at.path], warnings = mistakes.of_service(at, origin)
                self.problems.extend(warnings)
        return value

    def _lay(self, path: KeyPath, value: Any) -> None:
        table = self.table
        for key in path[:-1]:
            below = table.get(str(key))
            if type(below) is not dict:
                below = table[str(key)] = {}
            table = below
        table[str(path[-1])] = value


def _is_not_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
