"""What is wrong with names and their texts, in words. Imported by the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from hotconf.config.decoding.names import At, Stray, all_names, find, folded
from hotconf.config.decoding.values import form_of
from hotconf.config.layers import TextTable, at_origin, related
from hotconf.config.shape import Shape
from hotconf.config.suggest import suggest
from hotconf.config.validation.unknown import MAX_COMPARED, Budget
from hotconf.keypath import dotted
from hotconf.problems import Problem, Severity
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import is_secret_path
from hotconf.snapshot import Origin
from hotconf.text import quoted, shortened

_LONGEST: Final = 60
_LONGER: Final = 4
"""How much longer than it is a prefix may be misspelt."""
_DIGITS: Final = re.compile(r"\d+")
_LONGEST_NAME: Final = 200
_MAX_HINTS: Final = 100
_SERVICE: Final = re.compile(
    r"(?:(.+?)_)??(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
ADDRESS: Final = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+")
_UNLINK: Final = "set enableServiceLinks: false in the pod's spec, or take another prefix"
OF_SERVICE: Final = f"Kubernetes sets this variable for a service: {_UNLINK}"


def twice(at: At, origin: Origin, first: Origin) -> Problem:
    """Two names stand for one key, and say different things."""
    text = f"Key given twice: {dotted(at.path)} is the same as {first.where}"
    problem = Problem(text, at.path, "schema", hint="keep one of the two", related=(related("first given", first),))
    return at_origin(problem, origin)


def not_utf8(at: At, origin: Origin) -> Problem:
    """The environment holds any bytes."""
    return at_origin(Problem("Not UTF-8", at.path, "encoding", hint="write it as UTF-8"), origin)


def no_json(at: At, name: str, given: TextTable, wrong: str) -> Problem:
    """Only an array or a table can stand there. `wrong`: the mistake; empty if the text does not look like JSON."""
    text, origin = given.texts[name]
    form, nested = form_of(at.shape), given.nested
    hint = 'write it as JSON: ["…", "…"]'
    if form.tables:
        key = next(iter(at.shape.keys), "key")
        singly = f", or set each key: {_named(given, name + nested + folded(key), name)}" if nested else ""
        hint = f'write it as JSON: {{"{key}": …}}{singly}'
    if wrong:
        return at_origin(Problem(f"Invalid JSON: {wrong}", at.path, "syntax", hint=hint), origin)
    expected = " or ".join(("table",) * form.tables + ("array",) * form.arrays)
    secret = given.secret or at.secret or at.shape.holds_secrets or is_secret_path(at.path)
    got = "string" if secret else quoted(shortened(mask_credentials(text), _LONGEST))
    message = f"Type mismatch: {dotted(at.path)} expected {expected}, got {got}"
    return at_origin(Problem(message, at.path, "schema", hint=hint), origin)


def no_part(at: At, origin: Origin) -> Problem:
    """Fields are read from a table or an array that should stand there. Its text may be that of a secret."""
    kinds = dict.fromkeys("table" if isinstance(way[0], str) else "array" for way in at.ways)
    message = f"Type mismatch: {dotted(at.path)} expected {' or '.join(kinds)}, got string"
    hint = 'write it as JSON: ["…", "…"]' if "array" in kinds else f'write it as JSON: {{"{at.ways[0][0]}": …}}'
    return at_origin(Problem(message, at.path, "schema", hint=hint), origin)


# What Kubernetes sets


def is_of_service(name: str, given: TextTable) -> bool:
    """Whether Kubernetes sets such a variable, for a service whose name begins as the prefix does."""
    found = _SERVICE.fullmatch(name)
    if found is None:
        return False
    service = f"{found[1]}_" if found[1] else ""
    beside = f"{service}SERVICE_HOST" in given.texts and f"{service}SERVICE_PORT" in given.texts
    text = given.texts[name][0]
    return beside or (isinstance(text, str) and ADDRESS.fullmatch(text) is not None)


def of_service(at: At, origin: Origin) -> tuple[str, tuple[Problem, ...]]:
    """The hint for such a variable that names a field by chance, and the warning if the field takes any text."""
    text = f"{dotted(at.path)} has a variable that Kubernetes sets for a service"
    warning = at_origin(Problem(text, at.path, "schema", "warning", _UNLINK), origin)
    return OF_SERVICE, (warning,) if form_of(at.shape).text else ()


# Names that lead nowhere


def strays(found: Iterable[tuple[Stray, str]], given: TextTable, root: Shape) -> Iterator[Problem]:
    """A problem for each name that leads to no field, but only one for all that Kubernetes says of its services."""
    left = Budget(_MAX_HINTS, MAX_COMPARED)
    known = tuple(all_names(root, given))
    services: list[Origin] = []
    for at, name in found:
        if is_of_service(name, given):
            services.append(given.texts[name][1])
        else:
            yield from _stray(at, name, given, known, left)
    if services:
        more = f", and {len(services) - 1} more" if len(services) > 1 else ""
        text = f"Kubernetes sets it for a service{more}: no field has this name"
        yield at_origin(Problem(text, (), "schema", "warning", _UNLINK), services[0])


def _stray(at: Stray, name: str, given: TextTable, known: tuple[str, ...], left: Budget) -> Iterator[Problem]:
    form, path, origin = form_of(at.around), (*at.path, at.rest), given.texts[name][1]
    if at.path and (at.array or (form.arrays and not form.tables)):
        array = name[: len(name) - len(at.rest) - len(given.nested or "")]
        hint = f'write all of them as JSON: {given.prefix}{array}=["…", "…"]'
        text = f"Items of arrays cannot be set one by one: {dotted(at.path)}"
        yield at_origin(Problem(text, path, "schema", hint=hint), origin)
        return
    near = suggest(name, known) if left.afford(len(known)) else None
    if near is not None or given.prefix or given.strict or at.path:  # else another program's, among secrets
        meant = None if near is None else f"did you mean {_named(given, near, name)}?"
        severity: Severity = "error" if given.strict else "warning"
        text = f"Unknown key: {shortened(dotted(path), _LONGEST_NAME)}"
        origin = replace(origin, where=shortened(origin.where, _LONGEST_NAME))
        yield at_origin(Problem(text, path, "schema", severity, meant), origin)


def misspelt_prefixes(given: TextTable, root: Shape) -> Iterator[Problem]:
    """A warning for each name that would be that of a field, were its prefix not misspelt, or left out."""
    left = Budget(_MAX_HINTS * len(given.prefix), MAX_COMPARED)
    for name, origin in given.beside.items():
        for end in range(min(len(name), len(given.prefix) + _LONGER)):
            if end:
                meant = name[end - 1] == "_" and left.afford(1) and _is_misspelt(name[:end], given.prefix)
            else:
                meant = given.nested is not None and given.nested in name
            at = find(name[end:], root, given) if meant else None
            if isinstance(at, At) and at.path[0] in root.keys and not at.loose and (end or len(at.path) > 1):
                hint = f"did you mean {shortened(_named(given, name[end:], name), _LONGEST_NAME)}?"
                text = f"{shortened(name, _LONGEST_NAME)} is not read: it does not begin with {given.prefix}"
                yield at_origin(Problem(text, at.path, "schema", "warning", hint), origin)
                break


def _is_misspelt(begin: str, prefix: str) -> bool:
    """Other numbers are other programs."""
    same = _DIGITS.findall(begin) == _DIGITS.findall(prefix)
    return same and suggest(begin.rstrip("_"), [prefix.rstrip("_")]) is not None


def _named(given: TextTable, name: str, like: str) -> str:
    """A name with its prefix, in upper case if that of `like` is."""
    return given.prefix + (name.upper() if like == like.upper() and not given.case_sensitive else name)
