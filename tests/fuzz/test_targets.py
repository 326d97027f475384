"""What must hold for any bytes: for those that once broke it, for seeds, and for seeds with random changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import LONGEST, TARGETS
from torture.extent import FULL

HERE = Path(__file__).parent
SEEDS = sorted((HERE / "seeds").iterdir())
FOUND = sorted(path for path in (HERE / "found").iterdir() if not path.name.startswith("."))
EXAMPLES = 2000 if FULL else 40

PIECES = [
    *"=[]{},.#\"'\\\n\r\t -+_:",
    "[[",
    "]]",
    '"""',
    "'''",
    "\r\n",
    "\n\n",
    "\\u00e9",
    "\\U0001F600",
    "\\e",
    "\\x41",
]
PIECES += [
    "true",
    "inf",
    "nan",
    "-0.0",
    "0xff",
    "1e5",
    "1_000",
    "1979-05-27T07:32:00Z",
    "07:32",
    "\ufeff",
    "ü",
    "\u202e",
]
PIECES += [
    "- ",
    "? ",
    ": ",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "! ",
    "|\n",
    ">-\n",
    "---\n",
    "~",
    "0o7",
    ".nan",
    "null",
]
PIECES += ["a = 1\n", "[b]\n", "[[d]]\n", "x.y.z = ", "{ x = 1 }", "[ 1, 2 ]", "\x00", "\x1b[", "\n#---\n", "#"]


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A seed in which some pieces were put in, taken out or done twice."""
    data = draw(st.sampled_from([path.read_bytes() for path in SEEDS]))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 30)), len(data))
        piece = draw(st.sampled_from(PIECES)).encode()
        changed = draw(
            st.sampled_from([data[:at] + piece + data[at:], data[:at] + data[end:], data[:end] + data[at:]])
        )
        data = changed[:LONGEST]
    return data


def test_there_are_seeds() -> None:
    """The folder is not empty."""
    assert len(SEEDS) >= 4


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("path", [*SEEDS, *FOUND], ids=lambda path: path.name)
def test_known(target: Callable[[bytes], None], path: Path) -> None:
    """Seeds, and whatever was found once."""
    target(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_changed(target: Callable[[bytes], None]) -> None:
    """Seeds with random changes."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(documents())
    def holds(data: bytes) -> None:
        target(data)

    holds()
