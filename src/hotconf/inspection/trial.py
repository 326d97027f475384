"""`Trial`: what a program makes of a configuration is made and closed, and nothing is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hotconf.logs import records
from hotconf.logs.scrubbing import KnownSecrets
from hotconf.resources.preparation import Made, Refused, Wanted
from hotconf.resources.resource import Resource
from hotconf.runtime.applying.refusals import refusal
from hotconf.system import threads
from hotconf.system.exceptions import end_process

if TYPE_CHECKING:
    import asyncio

    from hotconf.inspection.inspect import State
    from hotconf.problems import Problem
    from hotconf.runtime.applying.applying import Applying
    from hotconf.sources.base import Options

CLOSE_S: Final = 2.0
"""How long to wait for the rest once a factory hangs."""
_END_S: Final = 1.0
"""How long to wait for the end of the event loop, which users' code may block."""


class Trial:
    """Makes all resources of `new`, as a start would: what a running program has refused before is refused here, too.

    Factories run on a thread of their own, async ones in an event loop on another one.
    """

    def __init__(
        self, applying: Applying[Any], options: Options[Any], old: State[Any] | None, new: State[Any]
    ) -> None:
        """`applying` is that of a watcher which was not started, and cannot be afterwards."""
        self.made: tuple[str, ...] = ()
        """The names of what was made, and closed."""
        self.problem: Problem | None = None
        """Why it could not be created."""
        self.doing = "the first resource"
        """What is under way, for people; any thread may ask."""
        self._keeper, self._resources = applying.keeper, applying.published.resources
        self._options = options
        self._new = new
        self._known = KnownSecrets(options.schema)
        for state in filter(None, (old, new)):  # what closing raises is logged
            self._known.publish(state.snapshot, state.scrub)

    def run(self) -> None:
        """Make it and close it, which may take as long as the resources may."""
        with _loop(self._keeper.enter):
            made = self._make()
            self.doing = "what was made to close"
            limit_s = max((each.recipe.timeout_s for each in self._resources), default=0.0)
            self._keeper.close(made, limit_s if self._keeper.trouble is None else min(limit_s, CLOSE_S))
        records.flush()

    def _make(self) -> list[Any]:
        handles = self._prepare([Wanted(each, partial(self._selected, each)) for each in self._resources])
        self.made = tuple(each.recipe.name for each in handles)
        return list(handles.values())

    def _selected(self, resource: Resource[Any]) -> object:
        self.doing = resource.recipe.name
        return resource.recipe.select(self._new.snapshot.config)

    def _prepare(self, wanted: Sequence[Wanted]) -> dict[Resource[Any], Any]:
        """What was made; nothing if one of them could not be created."""
        outcomes: list[Made | Refused] = []
        done = threads.Event()

        def then(outcome: Made | Refused) -> None:
            outcomes.append(outcome)
            done.set()

        self._keeper.prepare(wanted, then)
        self._keeper.wait(done)
        outcome = outcomes.pop()
        if isinstance(outcome, Made):
            return outcome.take()
        self.problem = refusal(outcome, self._new.snapshot, self._new.changes, self._options, self._known)
        return {}


@contextmanager
def _loop(enter: Callable[[asyncio.AbstractEventLoop, int], object]) -> Iterator[None]:
    """An event loop on a thread of its own, which does not outlive the process, whatever blocks it."""
    import asyncio

    loop, ready, ended = asyncio.new_event_loop(), threads.Event(), threads.Event()

    def run() -> None:
        enter(loop, threads.ident())
        ready.set()
        while not ended.is_set():
            try:
                loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - what a factory raised for the program is its outcome
                if isinstance(error, SystemExit) and threads.in_forked_child():
                    end_process(error)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threads.Thread(run, "hotconf event loop")
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        ended.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_END_S)
