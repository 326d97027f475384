"""Scenarios, bounded in `make test`, in full with HOTCONF_TORTURE=full (`make torture`)."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from realtools import workplace
from torture.extent import FULL, ROUNDS
from torture.harness import Case, Fault, Process, Tally, Tell

_OUTCOME: Final = "torture"
_TALLY: Final = pytest.StashKey[Tally]()


class _Counting:
    """Counts what the reports of the tests say, whichever process they ran in."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The last of the three reports of a test has everything."""
        if report.when == "teardown":
            for name, told in report.user_properties:
                if name == _OUTCOME:
                    scenario, *faults = told  # type: ignore[misc]
                    self._tally.add(scenario, faults)


def pytest_configure(config: pytest.Config) -> None:
    """One count for all scenarios."""
    config.stash[_TALLY] = Tally()
    config.pluginmanager.register(_Counting(config.stash[_TALLY]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scenarios wait with deadlines of their own, several of them in a row."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In full every scenario runs several times, with other dice."""
    if FULL and "begin" in metafunc.fixturenames:
        metafunc.parametrize("round_", range(ROUNDS), ids=lambda number: f"round {number}", scope="function")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How many runs of each scenario, and how many of them were wrong, deaf, hung or leaked."""
    lines = config.stash[_TALLY].lines()
    if lines and FULL:
        terminalreporter.section("torture")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture
def round_(request: pytest.FixtureRequest) -> int:
    """Which run of a scenario this is."""
    return int(getattr(request, "param", 0))


@pytest.fixture
def dice(request: pytest.FixtureRequest, round_: int) -> random.Random:
    """Chance, the same for the same test and round, so that what it found can be found again."""
    return random.Random(f"{os.environ.get('HOTCONF_SEED', '')}{request.node.nodeid}{round_}")


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory that is not below the system's one for temporary files."""
    with workplace("torture-") as directory:
        yield directory


class Processes:
    """The processes under test: one for all who want nothing special of it, and others on request."""

    def __init__(self) -> None:
        self._common: Process | None = None

    def common(self) -> Process:
        if self._common is None or not self._common.alive:
            self._common = Process()
        return self._common

    def drop(self) -> None:
        """It has misbehaved, or is needed no more."""
        if self._common is not None:
            self._common.kill()
        self._common = None


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """See `Processes`."""
    found = Processes()
    yield found
    found.drop()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Has a run of a scenario counted, with the kinds of what was wrong with it."""

    def told(scenario: str, faults: Collection[Fault]) -> None:
        request.node.user_properties.append((_OUTCOME, [scenario, *faults]))

    return told


@pytest.fixture
def begin(
    request: pytest.FixtureRequest, processes: Processes, tell: Tell, round_: int
) -> Iterator[Callable[..., Case]]:
    """Begin a case: `with begin(path, …) as case`. `prefix` and `environment` ask for a process of its own."""
    name = (request.function.__doc__ or request.node.name).split(":")[0].split("\n")[0].rstrip(".")
    with ExitStack() as stack:

        def start(
            path: Path,
            *,
            prefix: Sequence[str] = (),
            environment: dict[str, str] | None = None,
            own: bool = False,
            **how: Any,
        ) -> Case:
            if own or prefix or environment:
                process = Process(prefix, environment, own=own)
                stack.callback(process.kill)
            else:
                process = processes.common()
                stack.callback(lambda: request.node.stash.get(_FAILED, False) and processes.drop())
            return Case(process, path, tell=tell, name=name, **how)

        yield start


_FAILED: Final = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A process that was in a scenario that failed is not used again."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report
