"""The keys: help, palette, footer and documentation say what the bindings are, and nothing else."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

from textual.binding import Binding
from textual.dom import DOMNode

import hotconf.tui
from hotconf.tui.actions import Actions
from hotconf.tui.keys import Everywhere, bindings, label, lines
from hotconf.tui.screens.difference import Difference
from hotconf.tui.screens.help import SCOPES
from hotconf.tui.screens.main import Main
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view.facts import Update
from hotconf.tui.widgets.bars import SearchBox
from hotconf.tui.widgets.panels import ConfigurationPanel
from hotconf.tui.widgets.rowlist import RowList
from tui.stage import FakeSession, choose, play, screen, shows, until
from tui.updates import deferred, facts, failed, reloaded, snapshot

PAGE = Path(__file__).parents[2] / "docs" / "app.md"
LOADED = Update(facts(snapshot()))
KINDS = [kind for _, kind in SCOPES]


def classes() -> list[type]:
    """All of the app's that can have keys."""
    for module in pkgutil.walk_packages(hotconf.tui.__path__, "hotconf.tui."):
        importlib.import_module(module.name)
    found, todo = [], [DOMNode]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("hotconf."):
            found.append(kind)
    return found


def test_every_binding_is_in_the_help():
    """Of every class that has any; each says what it does."""
    with_keys = {kind for kind in classes() if bindings(kind)}
    assert with_keys == set(KINDS)
    assert all(what for kind in KINDS for _, what in lines(kind))


def test_every_key_of_the_help_is_bound_to_something_that_exists():
    """No key that does nothing; Textual says nothing about those."""
    for kind in KINDS:
        for binding in bindings(kind):
            where, _, action = binding.action.rpartition(".")
            owner = Actions if where == "app" else kind
            assert hasattr(owner, f"action_{action.partition('(')[0]}"), binding


def test_no_key_is_bound_twice_where_both_could_work():
    """One of the two would never be reached."""
    keys = {kind: [each.key for each in Binding.make_bindings(bindings(kind))] for kind in KINDS}
    beside = [
        (Main, RowList, Everywhere),
        *((kind, Sheet, RowList, Everywhere) for kind in KINDS if issubclass(kind, Sheet)),
    ]
    for kinds in beside:
        found = [key for kind in dict.fromkeys(kinds) for key in keys[kind]]
        assert len(found) == len(set(found)), kinds


def test_nothing_destructive_is_on_a_key_that_is_harmless_below():
    """Whoever copies twice, or moves on, has rolled nothing back."""
    below = {
        each.key
        for kind in (Main, RowList, Sheet, Difference, Everywhere)
        for each in Binding.make_bindings(bindings(kind))
    }
    assert {each.key for each in bindings(AskRollback) if each.action == "consent"}.isdisjoint(
        {*below, "enter", "space"}
    )


def table() -> list[str]:
    """The table of the keys as the page has it."""
    found = []
    for title, kind in SCOPES:
        found.append(f"| **{title}** | |")
        found += [f"| {' '.join(f'`{key}`' for key in keys)} | {what} |" for keys, what in lines(kind)]
    return found


def test_the_page_lists_the_keys_as_they_are():
    """The table of the documentation is the bindings'. UPDATE_SCREENS=1 writes it."""
    text = PAGE.read_text()
    if os.environ.get("UPDATE_SCREENS"):
        lines_now = "\n".join(table())
        text = re.sub(r"(\| Key \| \|\n\|---\|---\|\n)(?:\|.*\n)+", lambda match: f"{match[1]}{lines_now}\n", text)
        PAGE.write_text(text)
    shown = re.search(r"\| Key \| \|\n\|---\|---\|\n((?:\|.*\n)+)", text)
    assert shown is not None
    assert shown[1].splitlines() == table(), "\n".join(["it should be:", *table()])


def test_keys_are_written_as_on_the_keyboard():
    """In the help, the footer, the palette and the documentation."""
    keys = [each.key for each in Binding.make_bindings([Binding("up,L,?,[,{,/,ctrl+p,shift+tab,pagedown", "x")])]
    assert [label(key) for key in keys] == ["↑", "L", "?", "[", "{", "/", "Ctrl+P", "Shift+Tab", "PgDn"]


def test_the_footer_keeps_what_is_needed_most():
    """Edit, Search, Diff, Help and Quit go last, one by one; nothing is cut in the middle."""
    kept = ("q Quit", "? Help", "e Edit", "/ Search", "d Diff")
    widths = (200, 80, 60, 50, 40, 30, 20, 10, 1)
    seen = {}

    async def scenario(pilot):
        pilot.app.session.notify(deferred())
        await shows(pilot, "f Apply now")
        for width in widths:
            await pilot.resize(width, 24)
            seen[width] = screen(pilot.app).splitlines()[-1]

    play(FakeSession(LOADED), scenario)
    for width in widths:
        needed = 0
        for text in kept:
            needed += len(text) + 2
            assert (text in seen[width]) == (needed <= width), seen[width]
        assert not any(what in seen[width] for what in ("Gate", "Agent", "Critical"))
    assert seen[80].strip().startswith("f Apply now  e Edit  / Search  d Diff  y Copy")


def test_the_footer_offers_the_problems_first_while_there_are_some():
    """Before Copy, Reload and Latency; after a good save it stands where it stood."""

    async def scenario(pilot):
        app = pilot.app
        assert "p Problems" not in screen(app).splitlines()[-1]
        app.session.notify(failed(3))
        await shows(pilot, "p Problems")
        assert "d Diff" in screen(app).splitlines()[-1]
        app.session.notify(reloaded(6))
        await until(pilot, lambda: "p Problems" not in screen(app).splitlines()[-1])

    play(FakeSession(LOADED), scenario)


def test_the_palette_names_the_keys():
    """And does what they do, on a sheet as on the main screen."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        await until(pilot, lambda: len(app.history.snapshots) == 2)
        await pilot.press("ctrl+p", *"latency")
        await shows(pilot, "Latency (L)")
        await pilot.press("escape")
        await choose(pilot, "Diff (d)")
        await until(pilot, lambda: isinstance(app.screen, Difference))
        await shows(pilot, "+daily_limit_usd = 20.0")
        await choose(pilot, "Unified/sides (u)")
        await until(pilot, lambda: "+daily_limit_usd" not in screen(app))

    play(FakeSession(LOADED), scenario)


def test_rehearsals_are_those_of_the_built_in_schema():
    """Another program's configuration knows no gates and no agents."""
    offers = []

    async def scenario(pilot):
        offers.append({title for title, *_ in pilot.app.get_system_commands(pilot.app.screen)})

    play(FakeSession(LOADED), scenario)
    play(FakeSession(Update(facts(replace(snapshot(), config={"port": 1})))), scenario)
    starts = {"Start quality gate", "Start agent", "Start critical operation"}
    assert starts <= offers[0]
    assert offers[0] - offers[1] == starts


def test_vim_keys_move_and_fold():
    """`gg` and `G`, `h` and `l`, `j` and `k`."""

    async def scenario(pilot):
        shown = pilot.app.screen.query_one(ConfigurationPanel)
        await pilot.press("G")
        assert shown.cursor == len(shown.rows) - 1 > 0
        await pilot.press("g", "g")
        assert shown.cursor == 0
        shown.show_key(("cost",))
        for key, opened in (("h", False), ("l", True), ("l", True)):
            await pilot.press(key)
            assert shown.row.expanded in (opened, None)
        assert shown.row.key[0] == "cost" and len(shown.row.key) == 2  # into what was open already
        await pilot.press("h")
        assert shown.row.key == ("cost",)
        at = shown.cursor
        await pilot.press("j", "k")
        assert shown.cursor == at

    play(FakeSession(LOADED), scenario)


def test_typing_a_search_types():
    """Every letter that is a key elsewhere is a letter there."""

    async def scenario(pilot):
        await pilot.press("slash", *"gGhlnNyrdzt")
        assert pilot.app.screen.query_one(SearchBox).value == "gGhlnNyrdzt"

    play(FakeSession(LOADED), scenario)
