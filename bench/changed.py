"""What had to be made faster or smaller: profiles before and after. A new one is one entry more at the end."""

from __future__ import annotations

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
    Changed("depth, before parsing", "judged by one pattern, if lines are plain", "0.43 × tomli", "0.18 ×", _PROFILE),
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
        "10,000 followers of values, one concerned",
        "found by key path",
        "every one is asked",
        "0.04 ms, then one is asked",
        "its clock",
    ),
)


def rendered() -> str:
    """As a table in Markdown."""
    head = ("what was slow", "what was changed", "before", "after", "measured by")
    lines = [head, tuple("---" for _ in head), *CHANGED]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
