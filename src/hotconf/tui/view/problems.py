"""The problems of now: of the latest failure, and the warnings about what is in force; errors first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hotconf.report.cells import wrapped
from hotconf.report.problems.lines import spelled
from hotconf.text import source_name
from hotconf.tui.view.facts import NOBODY, Others, named, processes
from hotconf.tui.view.rows import Row, Span, Tone, counted
from hotconf.tui.view.stream import TONES, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hotconf.problems import Problem
    from hotconf.tui.view.facts import Excerpts
    from hotconf.tui.view.rows import Key
    from hotconf.tui.view.view import View


@dataclass(frozen=True, slots=True)
class Listed:
    """A problem, and its source lines."""

    problem: Problem
    source: tuple[str, ...] = ()
    old: bool = False
    """Of what is in force, and not of the files of now."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Tells it from others, although lines move."""
        problem = self.problem
        return str(problem.file or problem.where), problem.dotted, problem.message


def listed(view: View) -> tuple[Listed, ...]:
    """Each problem once: the errors, then the warnings, in the order of the files."""
    failed = view.failed
    excerpts = next((entry.excerpts for entry in reversed(view.entries) if entry.event is failed), ())
    found = list(_with_source(failed.problems, excerpts)) if failed is not None else []
    known = {each.identity for each in found}
    if view.facts.snapshot is not None:
        in_force = _with_source(view.facts.snapshot.warnings, view.facts.excerpts)
        old = failed is not None
        found += (replace(each, old=old) for each in in_force if each.identity not in known)
    return tuple(sorted(found, key=lambda each: each.problem.severity != "error"))


def elsewhere(view: View) -> Others:
    """The other processes that are to be shown: what is refused here, too, is said already."""
    return view.others if view.failed is None else NOBODY


def summary(problems: Sequence[Listed]) -> str:
    """`2 errors, 1 warning`; empty if there are none."""
    errors = sum(each.problem.severity == "error" for each in problems)
    parts = (counted(errors, "error"), errors), (counted(len(problems) - errors, "warning"), len(problems) - errors)
    return ", ".join(text for text, number in parts if number)


def rows(view: View, width: int) -> tuple[Row, ...]:
    """What the problems mean for the configuration, then each as a diagnostic; or that there are none."""
    problems = listed(view)
    text, tone = _meaning(view, problems)
    found = [Row(("meaning", nth), (Span(line, tone),)) for nth, line in enumerate(wrapped(text, width))]
    numbers: dict[object, int] = {}
    for each in problems:
        number = numbers[each.identity] = numbers.get(each.identity, 0) + 1
        key = ("problem", *each.identity, number)
        if each.old and not any(row.key == ("old",) for row in found):
            text = f"Generation {view.facts.generation}, which is active:"
            found += (Row(("old", "gap"), ()), Row(("old",), (Span(text, "muted"),)))
        found.append(Row((*key, "gap"), ()))
        found += _diagnostic(view, each, key, width)
    return (*found, *_refused(elsewhere(view), width))


def heads(shown: Sequence[Row]) -> tuple[int, ...]:
    """At which of `shown` a problem begins."""
    return tuple(index for index, row in enumerate(shown) if row.key[0] == "problem" and row.key[-1] == 0)


def _refused(others: Others, width: int) -> Iterator[Row]:
    """Who refuses the files, and why; and which command says more."""
    for number, refusal in enumerate(others.refusals):
        key = ("problem", "others", number)
        yield Row((*key, "gap"), ())
        head = f"Refused by {named(refusal.processes)}, {len(refusal.processes)} of {processes(others.number)}:"
        lines = [(head, True), *((problem, False) for problem in refusal.problems)]
        texts = [(text, is_head) for said, is_head in lines for text in wrapped(said, width - 2 * (not is_head))]
        for nth, (text, is_head) in enumerate(texts):
            yield Row((*key, nth), (Span(text, "bad" if is_head else "plain"),), depth=int(not is_head), copy=text)
    if others.refusals:
        yield Row(("others", "gap"), ())
        hint = "`hotconf status` says what each of them runs, `hotconf plan --apply` tries their resources."
        for nth, text in enumerate(wrapped(hint, width)):
            yield Row(("others", nth), (Span(text, "muted"),))


def _with_source(problems: Sequence[Problem], excerpts: Excerpts) -> Iterator[Listed]:
    for index, problem in enumerate(problems):
        yield Listed(problem, excerpts[index] if index < len(excerpts) else ())


def _diagnostic(view: View, each: Listed, key: Key, width: int) -> Iterator[Row]:
    # Here and not above: the first frame is drawn before there is a problem.
    from hotconf.report.problems.diagnostic import diagnostic

    problem, main = each.problem, view.facts.path
    shown = spelled(problem, main, main.relative_to(main.parent)) if problem.file is not None else problem
    for nth, line in enumerate(diagnostic(shown, each.source, width=width)):
        yield Row(
            (*key, nth),
            tuple(Span(piece.text, TONES[piece.style]) for piece in line),
            place=place_of(problem),
            copy="\n".join((problem.with_hint, *each.source)),
        )


def _meaning(view: View, problems: Sequence[Listed]) -> tuple[str, Tone]:
    generation, source = view.facts.generation, source_name(view.facts.path)
    if view.failed is not None:
        kept = f"generation {generation} stays active" if generation else "nothing is active"
        if not source:
            return f"The files are not valid: {kept} until they are.", "bad"
        if view.failed.kind in ("missing", "unreadable"):
            return f"The document cannot be read: {kept} until it can be.", "bad"
        return f"The document is not valid: {kept} until it is.", "bad"
    if not view.facts.started:
        return "Nothing is loaded yet.", "muted"
    with_warnings = ", with these warnings" if problems else ""
    if elsewhere(view).refusals:
        what = "document" if source else "files"
        return f"Generation {generation} is active here{with_warnings}; other processes refuse the {what}.", "bad"
    if problems:
        return f"Generation {generation} is active{with_warnings}.", "warn"
    return f"No problems: generation {generation} is active.", "good"
