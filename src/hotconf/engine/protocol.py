"""What goes into the reload protocol, what comes out, and what it remembers. `machine` has its rules and its laws."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from hotconf.engine.candidate import Candidate, Invalid, Valid
from hotconf.engine.debounce import Debounce
from hotconf.events import ConfigReloadEvent, Ending


class Phase(Enum):
    """Where the protocol stands."""

    IDLE = "idle"
    """No round, no load. Something may be pending."""
    SETTLING = "settling"
    """A round is open, its window runs, nothing is being loaded."""
    SPECULATING = "speculating"
    """A round is open, its window runs, and a load is under way."""
    READY = "ready"
    """A round is open, its window runs, and a candidate that nothing has touched is at hand."""
    LOADING = "loading"
    """The load that will decide is under way: the window is over, or someone called `reload()`."""
    LOOKING = "looking"
    """The files are looked at once more before a commit, because the kernel may not tell of every change."""
    CLOSED = "closed"


# Inputs, effects and state are named tuples: a frozen dataclass takes five times as long to define, and an import is
# paid by every program. Their annotations are no texts, each of which would be compiled: half of that time again.


# Inputs


class Touched(NamedTuple):
    """Files changed, or may have."""

    now: int
    paths: tuple[Path, ...]
    writing: bool = False
    """Some writer has one of the watched files open and has not finished."""
    sure: bool = True
    """The kernel told of it, and would tell of more. False: found by looking, so more may have gone unheard."""
    placed: frozenset[Path] = frozenset()
    """Of the watched files those whose content came whole, by a rename, and was not written to since."""
    finished: frozenset[Path] = frozenset()
    """Of the watched files those whose content came by one act that is over: a rename, or a writer that closed it."""


class Due(NamedTuple):
    """The clock has reached `deadline(state)`."""

    now: int


class Loaded(NamedTuple):
    """The load with this number is done."""

    now: int
    job: int
    candidate: Candidate[Any]
    cost_ns: int
    last_good: Valid[Any] | None = None
    """What to run on if the load at start fails."""


class Looked(NamedTuple):
    """The look that was asked for is done; what it found was touched before."""

    now: int


class Release(NamedTuple):
    """A hold has ended. The remaining ones are an argument of each step."""

    now: int


class Reload(NamedTuple):
    """Someone wants the files as they are now, without a window. `ticket` is answered with the event."""

    now: int
    ticket: int
    force: bool = False
    silent: bool = False
    """The load at start: a success is answered but not emitted, because nobody was told of anything before."""


class Close(NamedTuple):
    """The end."""

    now: int


Input: TypeAlias = Touched | Due | Loaded | Looked | Release | Reload | Close


# Rounds


class Round(NamedTuple):
    """A round of changes."""

    debounce: Debounce
    named: Mapping[Path, int] = MappingProxyType({})
    """Files whose FileChanged was emitted, each with its last change."""
    sure: bool = True
    placed: frozenset[Path] = frozenset()
    """As the last touch said."""
    finished: frozenset[Path] = frozenset()
    """As the last touch said."""
    shrank: tuple[Path, ...] = ()
    """Files that are waited for, because they may be half written."""
    gone: tuple[Path, ...] = ()
    """Files to wait for, because they are gone from the published state and may come back."""
    bereft: frozenset[Path] = frozenset()
    """The directories of all files that were found gone during this round."""


# Effects


class Load(NamedTuple):
    """Read and validate; answer with `Loaded(job)`."""

    job: int
    afresh: bool
    """Nothing that was read before may be used again."""


class Look(NamedTuple):
    """Compare the files with what was read; answer with Touched for what differs, then `Looked`."""


class Publish(NamedTuple):
    """Make `good` what readers see, as this generation."""

    good: Valid[Any]
    generation: int
    round: Round | None
    recalled: bool = False
    """It is not what the files say, but the last good state."""


class Refresh(NamedTuple):
    """Nothing differs: keep the config and the generation, take over the digest, the files and the origins."""

    good: Valid[Any]


class Emit(NamedTuple):
    """Notify everyone."""

    event: ConfigReloadEvent
    eager: bool = False
    """It ends a round before its window does."""


class Answer(NamedTuple):
    """Give those who wait for `reload()` their event; None if it was closed meanwhile."""

    tickets: tuple[int, ...]
    event: Ending | None


class Watching(NamedTuple):
    """The configuration turned hot reload on or off."""

    on: bool


Effect: TypeAlias = Load | Look | Publish | Refresh | Emit | Answer | Watching


# State


class Job(NamedTuple):
    """The load that is under way."""

    number: int
    final: bool = False
    """A stable read suffices; a touch meanwhile waits for the next round."""
    dirty: bool = False
    """Something was touched since it began."""
    tickets: tuple[Reload, ...] = ()
    """Who waits for it."""


class Waiting(NamedTuple):
    """A valid, different candidate that is not published because something is busy."""

    good: Valid[Any]
    sure: bool


class State(NamedTuple):
    """Everything that the protocol remembers."""

    window_ns: int
    native: bool = True
    """The kernel tells of every change. False: changes are found by looking, so look before each commit."""
    phase: Phase = Phase.IDLE
    generation: int = 0
    degraded: bool = False
    """What is published was recalled at start, and the files have not been good since."""
    enabled: bool = True
    eager: bool = False
    """What arrives as one finished act is committed at once."""
    settle_until: int = 0
    """A round that opened before this instant is never ended eagerly, because one was not long ago."""
    round: Round | None = None
    job: Job | None = None
    attempts: int = 0
    """Loads that were of no use since the ceiling, or since `reload()` was called."""
    candidate: Valid[Any] | Invalid | None = None
    pending: Waiting | None = None
    asked: tuple[Reload, ...] = ()
    """Calls of `reload()` that wait for the load under way to end, because it began before them."""
    late: tuple[Touched, ...] = ()
    """Touches since a final load began."""
    rest_until: int = 0
    """No speculative load before this instant."""
    loads: int = 0
