"""What is said of a fault. The wording is fixed: people search for it, and tools match it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, time
from itertools import islice
from typing import Final, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from hotconf.changes import shown
from hotconf.config.coreschema import WATCHED_FILE
from hotconf.config.merge import Written
from hotconf.config.redaction.masking import masked
from hotconf.config.shape import Shape
from hotconf.config.suggest import did_you_mean
from hotconf.config.validation.faults import CHOICES, MISSES, Fault, toml_type
from hotconf.config.validation.hints import choice, instead, of_boolean
from hotconf.formats.base import Format
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem, Severity
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import is_secret_key
from hotconf.text import quoted, shortened

_MOST_CHOICES = 30
MISSING: Final = "Missing required field: "
"""How the message begins; the key follows."""
_LONGEST_TEXT: Final = 60
# The errors of pydantic's whose text holds a limit or nothing at all, but never what was given.
_DISCREET: Final = frozenset(
    {
        "bytes_too_long",
        "bytes_too_short",
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "multiple_of",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
    }
)
_VARIABLE: Final = "env_key"
"""The field that names the environment variable with a secret, which so need not stand in the file."""
_BY_USER: Final = frozenset({"value_error", "assertion_error"})
_BY_PYDANTIC: Final = frozenset(get_args(ErrorType))


def problem_of(fault: Fault, written: Written | None, form: Format, *, hints: bool = True) -> Problem:
    """`fault` in words, without its place. `written`: the text that the value was decoded from. Hints are in `form`.

    Hints are expensive, and can be left out. What stands under a secret key is not quoted; secrets
    from elsewhere in the table, which a validator may have put into its text, are the caller's to take out.
    """
    if fault.type in MISSES:
        return _schema(f"{MISSING}{dotted(fault.path)}", fault.path)
    if fault.type == "extra_forbidden" and not fault.astray:
        return unknown_key(fault.path, fault.parent, "error", form, written, hints=hints)
    if fault.type.startswith("union_tag_") and fault.shape.discriminators and isinstance(fault.value, dict):
        return _wrong_tag(fault, fault.value, hints)
    if fault.type == WATCHED_FILE:
        return _of_file(fault)
    if fault.expected:
        names = " or ".join(fault.expected)
        where = f"{dotted(fault.path)} " if fault.path else ""
        if written is not None:
            given = quoted(shortened(mask_credentials(written.text), _LONGEST_TEXT))
            got = toml_type(fault.value) if fault.secret or fault.shape.holds_secrets else given
            return _schema(
                f"Type mismatch: {where}expected {names}, got {got}", fault.path, written.hint or of_boolean(fault)
            )
        text = f"Type mismatch: {where}expected {names}, got {toml_type(fault.value)}"
        return _schema(text, fault.path, _hint(fault, form) if hints else None)
    if fault.type in CHOICES and fault.shape.allowed and not fault.astray and not fault.of_key:
        return _wrong_choice(fault.path, fault.value, fault.shape.allowed, secret=fault.secret, hints=hints)
    return _schema(_about(fault.path, _reason(fault)), fault.path)


def _of_file(fault: Fault) -> Problem:
    """Of a file that the value names: under a secret key without its path, which need not be one."""
    said = fault.context
    text = said["reason"] if fault.secret or not said["path"] else f"{said['reason']}: {said['path']}"
    return Problem(_about(fault.path, text), fault.path, said["kind"])


def unknown_key(
    path: KeyPath,
    around: Shape,
    severity: Severity,
    form: Format,
    written: Written | None = None,
    *,
    hints: bool = True,
) -> Problem:
    """The model has no field for the key at `path`, whose table has the shape `around`. `written`: the text there.

    In a table with secrets it may be the misspelt name of one.
    """
    known = None if written is None else written.hint
    hint = known or (_meant(path, around, form) if hints and path else None)
    withheld = bool(path and around.secret_keys)
    return Problem(f"Unknown key: {dotted(path)}", path, "schema", severity, hint, withheld=withheld)


def _meant(path: KeyPath, around: Shape, form: Format) -> str | None:
    key = str(path[-1])
    home = around.homes.get(key) if len(path) == 1 else None
    if home is not None:
        return f"it belongs to {form.table_name(dotted(home))}"
    near = did_you_mean(key, around.keys)
    if near is None and _VARIABLE in around.keys and is_secret_key(key):
        return f'name the variable that holds it: {_VARIABLE} = "…"'
    return near


def text_of(error: BaseException) -> str:
    """What an exception of the user's says; never what a model's error quotes of its input."""
    try:
        if isinstance(error, ValidationError):
            return "; ".join(fault["msg"] for fault in error.errors(include_input=False, include_url=False))
        return str(error)
    except Exception:  # noqa: BLE001 - users' code
        return ""


def is_by_user(fault: Fault) -> bool:
    """Whether its message may come from a validator."""
    return fault.type in _BY_USER or (fault.type not in _BY_PYDANTIC and fault.type != WATCHED_FILE)


def _schema(message: str, path: KeyPath, hint: str | None = None) -> Problem:
    return Problem(message, path, "schema", hint=hint)


def _about(path: KeyPath, text: str) -> str:
    return f"{dotted(path)}: {text}" if path else text


def _wrong_tag(fault: Fault, table: dict[str, object], hints: bool) -> Problem:
    given = next((key for key in fault.shape.discriminators if key in table), None)
    if given is None:
        path = (*fault.path, fault.shape.discriminators[0])
        return _schema(f"{MISSING}{dotted(path)}", path)
    secret = fault.secret or is_secret_key(given)
    return _wrong_choice((*fault.path, given), table[given], fault.shape.tags, secret=secret, hints=hints)


def _wrong_choice(path: KeyPath, value: object, allowed: Iterable[object], *, secret: bool, hints: bool) -> Problem:
    if secret:
        return _schema(f"Invalid enum value: {dotted(path)}", path)
    first = list(islice(_names(allowed), _MOST_CHOICES + 1))
    listed = ", ".join(first[:_MOST_CHOICES]) + (", …" if len(first) > _MOST_CHOICES else "")
    # Masked before it is shortened: half a URL is not recognised as one.
    given = f"={shown(masked(path, value))}"
    hint = (_nearest(value, allowed) or choice(value, allowed)) if hints else None
    return _schema(f"Invalid enum value: {dotted(path)}{given} (expected: {listed})", path, hint)


def _nearest(value: object, allowed: Iterable[object]) -> str | None:
    return did_you_mean(value, _names(allowed)) if isinstance(value, str) else None


def _names(allowed: Iterable[object]) -> Iterator[str]:
    """Each name once. A generator, since there may be thousands, for thousands of faults."""
    seen: set[str] = set()
    for name in map(_bare, allowed):
        if name not in seen:
            seen.add(name)
            yield name


def _bare(choice: object) -> str:
    return choice if isinstance(choice, str) else shown(choice)


def _hint(fault: Fault, form: Format) -> str | None:
    if "table" in fault.expected and form.name == "YAML" and isinstance(fault.value, str) and "=" in fault.value:
        return "write KEY: VALUE, with a colon and a space after it"
    return _about_table(fault, form) or instead(fault) or of_boolean(fault)


def _about_table(fault: Fault, form: Format) -> str | None:
    """What a table is to be instead: one of an array, or under a key that is almost the same."""
    if not isinstance(fault.value, dict) or not fault.path or fault.secret:
        return None
    if "array" in fault.expected and fault.shape.child(0).tables and all(isinstance(key, str) for key in fault.path):
        return f"begin each of them with {form.item.format(dotted(fault.path))}"
    key, around = str(fault.path[-1]), fault.parent
    return did_you_mean(key, (other for other in around.keys if other != key and around.child(other).tables))


def _reason(fault: Fault) -> str:
    if fault.secret and fault.type not in _DISCREET:
        return "not valid"
    if fault.type in _BY_USER and "error" in fault.context:
        return text_of(fault.context["error"]) or "not valid"
    if fault.of_key:
        return f"invalid key: {fault.message}"
    if fault.secret or fault.astray or fault.type not in _DISCREET or not _is_number(fault.value):
        return fault.message
    return f"{fault.message}, got {shown(fault.value)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | date | time) and not isinstance(value, bool)
