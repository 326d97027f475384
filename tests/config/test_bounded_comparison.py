"""However many names there are to compare, only so many are compared."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, create_model

from hotconf.config import suggest as suggesting
from hotconf.config.merge import merge
from hotconf.config.validation import messages
from hotconf.config.validation.validate import validate
from hotconf.engine.candidate import Invalid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.schema import Schema

MAIN = Path("/etc/app/config.toml")


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that an unknown key was compared with, of which none is near."""
    found: list[str] = []
    monkeypatch.setattr(suggesting, "_how_far", lambda asked, known: found.append(known.plain))
    return found


def _document(lines: Iterable[str]) -> Document:
    document = parse("".join(lines).encode(), MAIN)
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize("extra", ["allow", "forbid", "ignore"])
def test_few_fields_are_compared_with_misspelt_keys(compared, extra):
    """Whether a model of many fields keeps, forbids or ignores other keys."""
    names = {f"field_number_{n:04}": (int, 0) for n in range(1500)}
    schema = Schema(create_model("Wide", __config__=ConfigDict(frozen=True, extra=extra), **names))
    validate(schema, merge([_document(f"feild_nmuber_{n:05} = 1\n" for n in range(1500))]))
    assert 1000 < len(compared) <= 22_000  # to find them, and for hints


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
