"""What goes into the reload protocol, what comes out, and what it remembers. `machine` has its rules and its laws."""

from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from hotconf.engine.candidate import Candidate, Invalid, SourceId, Valid
from hotconf.engine.debounce import Grouping, Round, Touched
from hotconf.events import Ending, ReloadFailed
from hotconf.problems import Problem

# Inputs, effects and state are named tuples: a frozen dataclass takes five times as long to define, and an import is
# paid by every program; what is not, is made for offers only. Their annotations are no texts, each of which would be
# compiled: half of that time again.


# Inputs: `Touched`, and


class Due(NamedTuple):
    """The clock has reached `deadline(state)`."""

    now: int


class Loaded(NamedTuple):
    """The load with this number is done."""

    now: int
    number: int
    candidate: Candidate[Any]
    cost_ns: int
    last_good: Valid[Any] | None = None
    """What to run on if the load at start fails."""


class Verified(NamedTuple):
    """What `Verify` asked for is done; `Touched` came before it for what differs."""

    now: int


class Release(NamedTuple):
    """A hold has ended. The remaining ones are an argument of each step."""

    now: int


class Reload(NamedTuple):
    """A caller wants the sources as they are now, without a window. `caller` gets the ending."""

    now: int
    caller: int
    force: bool = False
    silent: bool = False
    """The load at start: a success is answered but not emitted, because no event came before it."""
    revalidate: bool = False
    """Validate even if the sources say the same: what the checks depend on may have changed."""


class Prepared(NamedTuple):
    """The preparation with this number is done, or failed."""

    now: int
    number: int
    prepared: Any = None
    """What was made: opaque to the engine, which returns it with `Publish` or `Discard`."""
    problems: tuple[Problem, ...] = ()
    """Why not; what was made then is discarded already."""


class Register(NamedTuple):
    """Something more is made of the configuration. From now on each commit is prepared."""

    now: int


class Unstuck(NamedTuple):
    """What hung and kept resources from being prepared has returned."""

    now: int


class Close(NamedTuple):
    """The end."""

    now: int


class Overlay(NamedTuple):
    """An override was entered or left, or what is published is to be made anew. `caller` gets the ending, or None if
    there is none."""

    now: int
    caller: int
    candidate: Valid[Any] | None
    """What the published sources say with the overrides of now on. None if that is not valid: what is published stays
    until a load is."""
    outdated: bool = False
    """The sources say something else by now, or nothing valid."""
    alone: bool = False
    """What is published is only made anew: if that is refused, it is neither emitted nor retried."""
    fallback: Valid[Any] | None = None
    """What to publish if resources refuse the candidate: the last that was published without the override that is
    left. None if that is the same."""


class Offer:
    """A source offers a document, under a number of its own: prepare it, and do not publish it."""

    __slots__ = ("commit", "now", "number")

    def __init__(self, now: int, number: int, *, commit: bool = False) -> None:
        self.now, self.number, self.commit = now, number, commit


class Decide(Offer):
    """The document that was offered under this number is to be published, to `commit` it; or is never."""

    __slots__ = ()


_Asked: TypeAlias = Release | Reload | Register | Close | Overlay | Offer | Decide
Input: TypeAlias = Touched | Due | Loaded | Verified | Prepared | Unstuck | _Asked


# Effects


class Changed(NamedTuple):
    """Report the first change of this source in this round."""

    source: SourceId


class Load(NamedTuple):
    """Read and validate; answer with `Loaded(number)`."""

    number: int
    afresh: bool
    """Nothing that was read before may be used again."""
    revalidate: bool = False
    """Nor may what was published spare the validation."""
    offer: int = 0
    """The number of the offer in the place of what its source says; 0 for none."""


class Verify(NamedTuple):
    """Compare the sources with what was read; answer with `Touched` for what differs, then `Verified`."""


class Prepare(NamedTuple):
    """Make what is made of `candidate`; answer with `Prepared(number)`."""

    number: int
    candidate: Valid[Any]


class Cancel(NamedTuple):
    """That preparation is of no use any more: answer nothing, and discard what it made and makes."""

    number: int


class Discard(NamedTuple):
    """This was prepared, and is never published."""

    prepared: Any


class Publish(NamedTuple):
    """Make `candidate` what readers see, as this generation."""

    candidate: Valid[Any]
    generation: int
    round: Round | None
    recalled: bool = False
    """It is not what the sources say, but the last good state."""
    prepared: Any = None
    """What was made of it, which is published with it."""


class Refresh(NamedTuple):
    """Nothing differs: keep the config and the generation, take over the digest, the files and the origins."""

    candidate: Valid[Any]


class Emit(NamedTuple):
    """Report an ending to every subscriber."""

    event: Ending
    eager: bool = False
    """It ends a round before its window does."""
    repeated: bool = False
    """It was reported before: a retry failed again. Count it only."""


class Answer(NamedTuple):
    """Give these callers of `reload()` their ending; None if it was closed meanwhile."""

    callers: tuple[int, ...]
    event: Ending | None


class Judge:
    """Answer an offer. `problems`, or a `reason`: why it is refused or withdrawn."""

    __slots__ = __match_args__ = ("number", "verdict", "problems", "reason")

    def __init__(
        self,
        number: int,
        verdict: Literal["ready", "refused", "withdrawn"],
        problems: tuple[Problem, ...] = (),
        reason: str = "",
    ) -> None:
        self.number, self.verdict, self.problems, self.reason = number, verdict, problems, reason


class Watching(NamedTuple):
    """The configuration turned hot reload on or off."""

    on: bool


Effect: TypeAlias = (
    Changed | Load | Verify | Prepare | Cancel | Discard | Publish | Refresh | Emit | Answer | Judge | Watching
)


# Phases, each with what exists in it


class Idle(NamedTuple):
    """No round, no load. Something may be pending."""


class Settling(NamedTuple):
    """A round's window runs, nothing is being loaded."""

    round: Round


class Loading(NamedTuple):
    """A load is under way. If it is back before the window is over, what it found waits for that."""

    round: Round | None
    """None if `reload()` was called, or a hold ended while hot reload is off, and nothing was touched since."""
    number: int
    defers_touches: bool
    """A touch since the read began does not make it useless: it opens the next round."""
    callers: tuple[Reload, ...] = ()
    """Who waits for it."""
    attempts: int = 0
    """Loads before it that were of no use, since the ceiling or since `reload()` was called."""
    dirty: bool = False
    """Something was touched since it began."""
    queued: tuple[Reload, ...] = ()
    """Calls of `reload()` since it began: the next load is for them."""
    backlog: tuple[Touched, ...] = ()
    """Touches since a load that defers them began."""
    offer: int = 0
    """It is the load of this offer."""


class Ready(NamedTuple):
    """A round's window runs, and a candidate that nothing has touched is at hand."""

    round: Round
    candidate: Valid[Any] | Invalid


class Verifying(NamedTuple):
    """The sources are compared with what was read before the commit, because some changes are only found so."""

    round: Round | None
    """None if the candidate was pending."""
    candidate: Valid[Any] | Invalid


class Preparing(NamedTuple):
    """What is made of the candidate is being prepared; then it is committed."""

    round: Round | None
    candidate: Valid[Any]
    preparation: int
    """Its number."""
    callers: tuple[Reload, ...] = ()
    """Who waits for it."""
    eager: bool = False
    failed: ReloadFailed | None = None
    """The candidate is the last good state, and this is why the load at start failed."""
    released: bool = False
    """The candidate was pending."""
    laid: tuple[int, ...] = ()
    """It is laid anew with other overrides, or made anew, whatever is busy: their callers."""
    renewed: tuple[int, ...] = ()
    """Those of them who only want it made anew."""
    next: Round | None = None
    """What changed since: the next round, whose window begins when this one ends."""
    queued: tuple[Reload, ...] = ()
    """Calls of `reload()` since it began: the next load is for them."""
    again: bool = False
    """Load afterwards: an override made what was loaded before useless."""
    fallback: Valid[Any] | None = None
    """What to commit in its place, if it is refused; once it is tried, the candidate itself."""
    offer: int = 0
    """The candidate is this offer: it is not committed then."""


class Closed(NamedTuple):
    """Nothing happens any more."""


Phase: TypeAlias = Idle | Settling | Loading | Ready | Verifying | Preparing | Closed
PHASES: tuple[type[Phase], ...] = get_args(Phase)


class PendingCandidate(NamedTuple):
    """A valid, different candidate that is published once nothing is busy."""

    candidate: Valid[Any]
    polled: bool
    """Verify it before it is published."""
    prepared: Any = None
    """What was made of it; None if nothing is prepared yet."""


ON_OFFER: Final = "a document on offer"
"""What holds commits while it is ready."""


class Offered:
    """A document that a source offers; once it is ready with its candidate, what was made of it, and its load."""

    __slots__ = ("candidate", "load", "number", "prepared")

    def __init__(self, number: int, candidate: Valid[Any] | None = None, prepared: Any = None, load: int = 0) -> None:
        self.number, self.candidate, self.prepared, self.load = number, candidate, prepared, load


def _itself(source: SourceId) -> SourceId:
    return source


class State(NamedTuple):
    """Everything that the protocol remembers."""

    window_ns: int
    phase: Phase = Idle()
    generation: int = 0
    enabled: bool = True
    polled: bool = False
    """Not every change is reported: some are found by polling, so verify before each commit."""
    eager: bool = False
    """What arrives as one finished act is committed at once."""
    degraded: bool = False
    """What is published was recalled at start, and the sources have not been good since."""
    pending: PendingCandidate | None = None
    offer: Offered | None = None
    settle_until: int = 0
    """A round that opened before this instant is never ended eagerly, because one was not long ago."""
    rest_until: int = 0
    """No speculative load before this instant."""
    revalidate: bool = False
    """Each load validates: someone asked for it, and nothing has been committed or Unchanged since."""
    refused: bool = False
    """The last outcome is a failure."""
    loads: int = 0
    """The number of the latest load."""
    prepares: bool = False
    """Something is made of the configuration: prepare before each commit."""
    preparations: int = 0
    """The number of the latest preparation."""
    retry_at: int = 0
    """When to load again what could not be prepared; 0 for never."""
    retry_ns: int = 0
    """How long the latest retry waits or waited, while nothing else happened since it failed; else 0."""
    group: Grouping = _itself

    def reasons(self, holds: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `holds`, and that of an offer that is ready."""
        return holds if self.offer is None or self.offer.candidate is None else (*holds, ON_OFFER)

    @property
    def round(self) -> Round | None:
        """The open round."""
        found: Round | None = getattr(self.phase, "round", None)
        return found

    @property
    def loading(self) -> int | None:
        """The number of the load under way."""
        number: int | None = getattr(self.phase, "number", None)
        return number
