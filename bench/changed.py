"""What had to be made faster or smaller: profiles before and after. A new one is one entry more at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Changed(NamedTuple):
    """One of them."""

    slow: str
    """What was found to cost too much."""
    change: str
    before: str
    after: str
    how: str
    """How both were measured."""


_PROFILE = "cProfile of a reload, 8 KB"

CHANGED = (
    Changed(
        "difference of two configurations, against parsing one",
        "plain values that are the same are passed by where they stand",
        "0.98 × tomli",
        "0.37–0.56 ×",
        _PROFILE,
    ),
    Changed(
        "search for secrets, in each of two configurations",
        "plain values are passed by where they stand, and nothing is made of them",
        "0.49 × tomli",
        "0.17–0.25 ×",
        _PROFILE,
    ),
    Changed("keys spelled with `-`", "a table without such keys is passed by", "0.35 × tomli", "0.13 ×", _PROFILE),
    Changed(
        "depth, before parsing",
        "judged by the parsed table; brackets are followed only in what is too deep or broken",
        "0.43 × tomli",
        "0.14 ×",
        _PROFILE,
    ),
    Changed(
        "commands looked for on `PATH`",
        "asked for by name",
        "one `stat` a directory",
        "one `access` a command",
        "counted",
    ),
    Changed(
        "CPU of the loader's thread a reload, nothing to warn of", "all of the above", "6.5 ms", "4.9 ms", "its clock"
    ),
    Changed(
        "memory added by a started watcher",
        "what crosses rooms is a named tuple; what a start does not need is imported later",
        "3.46 MB",
        "3.19 MB, then less what `diff` and `redact` take",
        "`Rss`, tracemalloc",
    ),
    Changed(
        "import beyond pydantic, CPU",
        "the same: a frozen dataclass takes five times as long to define",
        "128 ms",
        "87 ms",
        "fastest of ten",
    ),
    Changed(
        "one of 1,000 fragments changed: `stat` calls",
        "asked for once, when all are read; folders are listed, not searched",
        "4,000",
        "1,000",
        "counted",
    ),
    Changed(
        "loading 1 MB with one edit",
        "what is merged is shared, not copied; depth is judged by the parsed table",
        "2137 ms",
        "530 ms",
        "`bench.growth`; the CPU of a load",
    ),
    Changed("merge of one document", "shared, and copied once, for the model", "51 µs", "3 µs", "the same"),
    Changed(
        "difference, 8 KB", "no table is compared twice, no plain array item by item", "386 µs", "264 µs", "the same"
    ),
    Changed("CPU of the loader a reload, two warnings", "all of these", "4.6 ms", "2.8 ms", "fastest of three"),
    Changed(
        "compare 1,000 fragments at rest, CPU",
        "the folder is listed, and not searched for paths that are recreated",
        "24 ms",
        "5 ms",
        "its clock, both in turn",
    ),
    Changed(
        "load of 8 KB of which three tables changed, two warnings / none, CPU of its thread",
        "secrets are sought where something changed, a table that is edited again is parsed once, no story is made "
        "up that no log asks for",
        "2.5 / 2.0 ms",
        "2.1 / 1.6 ms",
        "fastest of 800, both in turn",
    ),
    Changed(
        "CPU of all threads a reload, by the bench",
        "its subject waits for an ending and does not look every 10 ms",
        "0.7 ms of it were the bench's",
        "0.25 ms",
        "`schedstat` of the threads",
    ),
    Changed(
        "import beyond pydantic, CPU",
        "patterns and what looks up key paths come when one is used, candidates are named tuples, annotations of the "
        "protocol's are types and not texts to compile",
        "54 ms",
        "42–47 ms",
        "fastest of 15 and of 25, both in turn",
    ),
)


class Removed(NamedTuple):
    """What was taken out for the reader's sake, and what that costs."""

    what: str
    lines: str
    """How many lines of the library fewer."""
    before: str
    after: str
    how: str
    """How both were measured."""


_IN_TURN = "fastest of many, in turn, on a busy machine"

REMOVED = (
    Removed(
        "parsing only the tables of a text that differ: a load with one value edited, 8 KB / 64 KB / 1 MB, CPU",
        "208",
        "1.5 / 7.4 / 231 ms",
        "2.7 / 19 / 530 ms",
        _IN_TURN,
    ),
    Removed(
        "five forms of what a file was, and three structures for one schedule: 200 idle watchers, CPU",
        "386",
        "0.08 %",
        "0.13–0.19 %",
        "`schedstat`, in the same run",
    ),
    Removed(
        "`importlib.metadata` put off in `hotconf check`: the whole process, CPU",
        "30",
        "597 ms",
        "680 ms",
        _IN_TURN,
    ),
    Removed(
        "second walks for secrets, and most of those carried between loads: a reload of 8 KB with two warnings, CPU",
        "90",
        "4.9–5.6 ms",
        "5.9–6.3 ms",
        _IN_TURN,
    ),
    Removed("a deciding load as a phase of its own: a step of the machine", "91", "12.6 µs", "9.4 µs", _IN_TURN),
)


def rendered() -> str:
    """As tables in Markdown."""
    changes = _table(("what was slow", "what was changed", "before", "after", "measured by"), CHANGED)
    removals = _table(("what was removed", "lines", "before", "after", "measured by"), REMOVED)
    return f"{changes}\n\nWhat was removed for the reader's sake, and what that costs:\n\n{removals}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
