"""However many names there are to compare, only so many are compared; what is not compared is kept secret."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, create_model

from hotconf.config import suggest as suggesting
from hotconf.config.merge import merge
from hotconf.config.redaction.secret_values import secrets_of
from hotconf.config.shape import shape_of
from hotconf.config.validation import messages
from hotconf.config.validation.validate import validate
from hotconf.engine.candidate import Invalid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.schema import Schema

MAIN = Path("/etc/app/config.toml")


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that an unknown key was compared with."""
    found: list[str] = []
    plain = suggesting._how_far

    def counted(asked: Any, known: Any, least: float) -> float | None:
        found.append(known.plain)
        return plain(asked, known, least)

    monkeypatch.setattr(suggesting, "_how_far", counted)
    return found


def _secretive(fields: int) -> Schema[Any]:
    names = {f"field{n:03d}zz": (SecretStr, SecretStr("")) for n in range(fields)}
    return Schema(create_model("Secretive", __config__=ConfigDict(frozen=True), **names))  # type: ignore[call-overload]


def _document(lines: Iterable[str]) -> Document:
    document = parse("".join(lines).encode(), MAIN)
    assert isinstance(document, Document)
    return document


def test_few_names_are_compared_for_a_file_of_unknown_keys(compared):
    """A bound on the work, not on the keys: the keys may be many, and so may be the fields."""
    document = _document(f"k{n:05} = 'value{n:05}'\n" for n in range(3000))
    secrets_of(shape_of(_secretive(100)), [document])
    assert 1000 < len(compared) <= 50_000


def test_what_was_not_compared_is_secret(compared):
    """A misspelt secret is never shown because the file has many other unknown keys."""
    lines = [*(f"k{n:05} = 'value{n:05}'\n" for n in range(3000)), "feild001zz = 'hunter-in-the-fields'\n"]
    assert "hunter-in-the-fields" in secrets_of(shape_of(_secretive(100)), [_document(lines)])


def test_the_same_key_in_many_tables_is_judged_once(compared):
    """Its values do not become secrets because the tables are many."""
    item = create_model("Item", __config__=ConfigDict(frozen=True), password=(str, ""))
    many = Schema(create_model("Many", __config__=ConfigDict(frozen=True), t=(list[item], [])))
    document = _document(["t = [" + "{ other = 'public-value' }, " * 60_000 + "]"])
    assert "public-value" not in secrets_of(shape_of(many), [document])
    assert len(compared) == 1


@pytest.mark.parametrize("extra", ["allow", "forbid", "ignore"])
def test_few_fields_are_compared_with_misspelt_keys(compared, extra):
    """Whether a model of many fields keeps, forbids or ignores other keys."""
    names = {f"field_number_{n:04}": (int, 0) for n in range(1500)}
    schema = Schema(create_model("Wide", __config__=ConfigDict(frozen=True, extra=extra), **names))
    validate(schema, merge([_document(f"feild_nmuber_{n:05} = 1\n" for n in range(1500))]))
    assert 1000 < len(compared) <= 110_000  # to find them, and for hints


WORDS = tuple(f"choice-{n}" for n in range(2000))


def test_few_choices_are_named_for_many_wrong_ones(monkeypatch):
    """Not all of them for each value."""
    named: list[object] = []
    bare = messages._bare
    monkeypatch.setattr(messages, "_bare", lambda choice: named.append(choice) or bare(choice))

    class Chosen(BaseModel, frozen=True):
        x: list[Literal[WORDS]]  # type: ignore[valid-type]

    found = validate(Schema(Chosen), merge([_document(["x = [" + "'a', " * 500 + "]"])]))
    assert isinstance(found, Invalid)
    assert found.problems[0].message.endswith("choice-29, …)")
    assert len(named) <= 31 * 500 + 50_000


@pytest.mark.parametrize("before", [0, 1900, 1980, 1995, 2100, 3980])
def test_a_long_message_is_cut_and_its_secrets_are_not(before):
    """Neither where it is cut, nor where the search for secrets ends."""

    def refuse(value: str) -> str:
        raise ValueError("x " * (before // 2) + "hunter-of-the-fields https://bob:swordfish1@host " + "é " * 30_000)

    class Refused(BaseModel, frozen=True):
        x: list[Annotated[str, AfterValidator(refuse)]]
        password: str = ""

    table = ["x = ['a', 'b']\n", "password = 'hunter-of-the-fields'\n"]
    found = validate(Schema(Refused), merge([_document(table)]))
    assert isinstance(found, Invalid)
    for problem in found.problems:
        assert len(problem.message) <= 2010
        assert "hunter" not in problem.message
        assert "sword" not in problem.message
