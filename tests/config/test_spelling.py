from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from hotconf.config.merge import merge
from hotconf.config.spelling import respell
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem, Related
from hotconf.schema import Schema

FILE = Path("/etc/app/config.toml")


class Provider(BaseModel):
    base_url: str = ""
    http_headers: dict[str, str] = {}


class Agent(BaseModel):
    read_only: bool = False
    aliased: int = Field(0, alias="dash-ed")


class App(BaseModel):
    log_level: str = ""
    model_providers: dict[str, Provider] = {}
    agents: list[Agent] = []
    anything: Any = None


KEBAB = Schema(App, kebab=True)


def document(text: str) -> Document:
    """The document that `text` is."""
    parsed = parse(text.encode(), FILE)
    assert isinstance(parsed, Document), parsed
    return parsed


def table(text: str) -> dict[str, Any]:
    """What `text` says once it is respelled."""
    respelled = respell(document(text), KEBAB)
    assert isinstance(respelled, Document), respelled
    return respelled.table


def test_names_of_fields_may_be_spelled_with_dashes() -> None:
    """At every depth: in tables, in free tables' values, in arrays of tables."""
    given = 'log-level = "x"\n[model-providers.o]\nbase-url = "u"\n[[agents]]\nread-only = true\n'
    assert table(given) == {
        "log_level": "x",
        "model_providers": {"o": {"base_url": "u"}},
        "agents": [{"read_only": True}],
    }


def test_keys_of_free_tables_are_data() -> None:
    """Nothing below a free table's level is renamed by mistake: names, headers, unknown keys, values of any type."""
    given = """
        some-thing = [1, "base-url", [{ base-url = 1 }]]
        [model_providers.my-provider.http_headers]
        X-base-url = "a"
        base-url = "b"
        [anything]
        log-level = 2
    """
    assert table(given) == document(given).table


def test_an_alias_with_a_dash_is_its_own_spelling() -> None:
    """What the model itself calls a key is never touched."""
    assert table("[[agents]]\ndash-ed = 1") == {"agents": [{"dash-ed": 1}]}


def test_the_document_stays_as_it_is() -> None:
    """The input is not changed, and is returned itself when there is nothing to rewrite."""
    same = document('log_level = "x"')
    assert respell(same, KEBAB) is same
    other = document("[[agents]]\nread-only = true")
    respell(other, KEBAB)
    assert other.table == {"agents": [{"read-only": True}]}


def test_without_kebab_nothing_is_rewritten() -> None:
    """It is the schema that allows the spelling."""
    given = document('log-level = "x"')
    assert respell(given, Schema(App)) is given


def test_places_are_found_under_the_rewritten_keys() -> None:
    """What stands in the file is remembered for each rewritten path, so that problems find their line."""
    respelled = respell(document('[model-providers.o]\nbase-url = "u"\n'), KEBAB)
    assert isinstance(respelled, Document)
    assert respelled.spelled == {
        ("model_providers",): ("model-providers",),
        ("model_providers", "o", "base_url"): ("model-providers", "o", "base-url"),
    }
    place = merge((respelled,)).origins.locate(("model_providers", "o", "base_url"), at="key")
    assert place is not None
    assert (place.line, place.column) == (2, 1)


def test_both_spellings_in_one_table_are_a_problem() -> None:
    """It is told at the second one, for every such pair, and where the first one is."""
    given = '[model-providers.o]\nbase_url = "a"\nbase-url = "b"\n[[agents]]\nread-only = true\nread_only = false\n'
    assert respell(document(given), KEBAB) == (
        Problem(
            "Key given twice: model-providers.o.base-url is the same as base_url",
            ("model-providers", "o", "base-url"),
            "schema",
            hint="keep one of the two",
            file=FILE,
            line=3,
            column=1,
            end_line=3,
            end_column=9,
            related=(Related("first given", FILE, 2, 1),),
        ),
        Problem(
            "Key given twice: agents[0].read_only is the same as read-only",
            ("agents", 0, "read_only"),
            "schema",
            hint="keep one of the two",
            file=FILE,
            line=6,
            column=1,
            end_line=6,
            end_column=10,
            related=(Related("first given", FILE, 5, 1),),
        ),
    )


def test_two_tables_in_both_spellings_are_a_problem_too() -> None:
    """They are not silently merged."""
    problems = respell(document('[model-providers.a]\nbase_url = ""\n[model_providers.b]\nbase_url = ""\n'), KEBAB)
    assert isinstance(problems, tuple)
    assert [problem.line for problem in problems] == [3]


class Aliases(BaseModel, populate_by_name=True):
    url: str = Field("", validation_alias=AliasChoices("url", "base_url", "base-url"))
    port: int = Field(0, alias="Port")
    one: int = Field(0, validation_alias=AliasChoices("one", "both"))
    two: int = Field(0, validation_alias=AliasChoices("two", "both"))
    deep: int = Field(0, validation_alias=AliasChoices("deep", AliasPath("deeper", "deep")))


class Home(BaseModel):
    main: Aliases = Aliases()
    free: dict[str, str] = {}
    several: list[Aliases] = []
    either: Aliases | dict[str, str] = {}


def test_other_names_of_a_field_become_the_first() -> None:
    """At every depth; of what two fields share, or what leads to a field, there is a copy; data stay as they are."""
    given = """
        [main]
        base_url = "u"
        port = 1
        both = 2
        deeper = { deep = 3 }
        [free]
        base_url = "u"
        [[several]]
        base-url = "u"
        [either]
        base_url = "u"
    """
    respelled = respell(document(given), Schema(Home))
    assert isinstance(respelled, Document)
    assert respelled.table == {
        "main": {"url": "u", "Port": 1, "both": 2, "deeper": {"deep": 3}, "one": 2, "two": 2, "deep": 3},
        "free": {"base_url": "u"},
        "several": [{"url": "u"}],
        "either": {"base_url": "u"},
    }
    assert Home.model_validate(respelled.table) == Home.model_validate(document(given).table)


def test_two_names_of_one_field_in_one_table_are_a_problem() -> None:
    """Whichever the model would take."""
    found = respell(document('[main]\nbase_url = "a"\nurl = "b"\n'), Schema(Home))
    assert isinstance(found, tuple)
    (problem,) = found
    assert str(problem) == "config.toml:3:1: Key given twice: main.url is the same as base_url"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"main": null}', {"main": {}}),
        ('{"free": null}', {"free": {}}),
        ('{"several": [null]}', {"several": [{}]}),
        ('{"maybe": null}', {"maybe": None}),
        ('{"anything": null}', {"anything": None}),
        ('{"main": {"url": null}}', {"main": {"url": None}}),
    ],
)
def test_null_is_an_empty_table_where_only_tables_stand(text: str, expected: dict[str, Any]) -> None:
    """As a YAML block whose lines are comments."""

    class Nullable(Home):
        maybe: Aliases | None = None
        anything: Any = None

    parsed = parse(text.encode(), Path("/etc/app/config.json"))
    assert isinstance(parsed, Document)
    respelled = respell(parsed, Schema(Nullable))
    assert isinstance(respelled, Document)
    assert respelled.table == expected
