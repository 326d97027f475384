"""What it costs to ask for origins in large tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hotconf.config.freeze import freeze
from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge
from hotconf.config.walk import value_at


class Counted(dict[str, object]):
    """Counts how often all of its keys are looked at."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        Counted.walks += 1
        return super().__iter__()


def walks(ask: Callable[[], object]) -> int:
    """How often that happens in `ask`."""
    Counted.walks = 0
    ask()
    return Counted.walks


def test_one_value_is_found_without_a_look_at_the_others() -> None:
    """Or a report on thousands of tables would take their square."""
    table = Counted({f"key{number}": {"port": number} for number in range(10)})
    assert walks(lambda: value_at({"tables": table}, ("tables", "key3", "port"))) == 0
    origins = merge([LayerTable("x", {"tables": {f"key{number}": {"port": 1} for number in range(10)}})]).origins
    found = origins.of({"tables": table}).explain(("tables", "key3", "host"))
    assert found == ()
    assert walks(lambda: origins.of({"tables": table}).explain(("tables", "key3", "host"))) == 0
    assert value_at(freeze({"tables": dict(table)}), ("tables", "key4", "port")) == 4
    assert origins.explain(("tables", "key3", "port"))[0].value == 1
