"""The tree of the configuration: its order, what is shown of it, and a cursor that is the reader's."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from hotconf import Env, HotReloadWatcher, Schema
from hotconf.inspection.inspect import State, inspect
from hotconf.report.cells import width as cells
from hotconf.sources.base import Options
from hotconf.tui.view import configuration
from hotconf.tui.view.facts import Update
from hotconf.tui.view.tree import DEFAULTS, rows
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import SMALL, FakeSession, play, shows, until
from tui.updates import BETTER, GOOD, facts, reloaded, snapshot

LOADED = Update(facts(snapshot()))


class Inner(BaseModel):
    b: int = 0
    a: int = 0
    c: int = 0
    d: int = 0


class Outer(BaseModel):
    models: dict[str, Inner] = {}
    zeta: int = 0
    first: Inner = Inner()
    by_variable: int = 0
    unset: int = 0


def test_values_stand_in_the_order_of_the_files(tmp_path, monkeypatch):
    """Whatever the model's order; what only a variable sets comes after them, and defaults last."""
    file = tmp_path / "config.toml"
    file.write_text("zeta = 1\n[first]\nc = 1\na = 2\n[models.x]\nd = 1\n")
    monkeypatch.setenv("APP_BY_VARIABLE", "1")
    monkeypatch.setenv("APP_ZETA", "2")
    with HotReloadWatcher(file, Outer, layers=[Env("APP_")]) as watcher:
        texts = [row.text for row in rows(configuration.items(watcher.snapshot, ()), {})]
    wanted = ["zeta = 2", "first", "c = 1", "a = 2", "b = 0", "d = 0", "models", "x", "d = 1", "3 defaults"]
    assert texts == [*wanted, "by_variable = 1", "unset = 0"]


def test_places_in_files_of_the_same_name_are_told_apart(tmp_path):
    """By as much of their paths as that takes; all others by their names."""
    main = tmp_path / "config.toml"
    main.write_text("zeta = 1\n")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.toml").write_text(f"\n[models.{folder}]\na = 1\n")
    (tmp_path / "b.toml").write_text("[first]\na = 1\n")
    extra = [tmp_path / "one" / "a.toml", tmp_path / "two" / "a.toml", tmp_path / "b.toml"]
    with HotReloadWatcher(main, Outer, watch_paths=extra) as watcher:
        found = rows(configuration.items(watcher.snapshot, ()), {})
    places = {row.key: row.right[-1].text for row in found if row.right and row.text.startswith(("a =", "zeta"))}
    assert places == {
        ("zeta",): "config.toml:1",
        ("models", "one", "a"): "one/a.toml:3",
        ("models", "two", "a"): "two/a.toml:3",
        ("first", "a"): "b.toml:2",
    }


NAMES = st.sampled_from(["a", "b", "日本", "e\u0301 x", "👩\u200d👧", "…defaults", "0", "name"])
LEAVES = st.sampled_from([0, None, "", "text", "日本語" * 40, "line\nline", [], {}, [1, [2, [{}]]], [[{"a": 1}], 2]])
NESTS = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=25,
)
TABLES = st.dictionaries(NAMES, NESTS, min_size=1, max_size=5)


class Anything(BaseModel):
    """Takes any table, and has defaults at two levels."""

    model_config = ConfigDict(extra="allow")
    one: int = 1
    two: int = 2
    three: Outer = Outer()


@lru_cache
def _anywhere():
    return Path(tempfile.mkdtemp()) / "config.json"


def grown(table):
    """A snapshot with that in its file, and its items."""
    path = _anywhere()
    path.write_text(json.dumps(table))
    found = inspect(Options(path, Schema(Anything)))
    assert isinstance(found, State)
    return found.snapshot, configuration.items(found.snapshot, ())


def misplaced(rows):
    """Those of `rows` that are not one step to the right of what they stand in."""
    around = []
    for row in rows:
        del around[row.depth :]
        above = [each.key for each in around if each.key[-1] != DEFAULTS]
        folds = [each.key[:-1] for each in around if each.key[-1] == DEFAULTS]
        fits = above == [row.key[:length] for length in range(1, len(row.key))]
        fits = fits and all(row.key[: len(fold)] == fold and len(fold) < len(row.key) for fold in folds)
        if not fits or len(around) != row.depth or (around and not around[-1].expanded):
            yield row
        around.append(row)


@given(TABLES, st.dictionaries(st.integers(0, 40), st.booleans(), max_size=20), st.sampled_from(["", "a", "日"]))
def test_each_row_is_one_step_to_the_right_of_what_it_stands_in(table, turned, query):
    """Tables in arrays in tables, folded or open, searched or not; defaults, of the line that stands for them."""
    _, items = grown(table)
    toggled = {}
    for number, opened in sorted(turned.items()):
        if shown := rows(items, toggled, query):
            toggled[shown[number % len(shown)].key] = opened
    assert list(misplaced(rows(items, toggled, query))) == []


def is_titled(panel, text):
    """Does its title say that?"""
    return text in str(panel.border_title)


@pytest.mark.parametrize("width", [80, 120])
def test_each_row_is_drawn_where_its_depth_says(width):
    """Two columns a level, then its arrow, then its text: whatever is above and before it, scrolled or not."""
    dice = random.Random(width)

    def value(depth):
        kind = dice.randrange(3 if depth < 5 else 1)
        if kind == 1:
            return {dice.choice(["a", "b", "日本", "e\u0301 x", "name"]): value(depth + 1) for _ in range(3)}
        if kind == 2:
            return [value(depth + 1) for _ in range(dice.randrange(3))]
        return dice.choice([1, "日本語", "👩\u200d👧", "x" * 200])

    async def scenario(pilot):
        panel = pilot.app.screen.query_one(ConfigurationPanel)
        for number in range(2, 8):
            of, items = grown({f"k{n}": value(0) for n in range(6)})
            shown = facts(replace(of, generation=number))
            pilot.app.session.notify(Update(replace(shown, items=items)))
            await until(pilot, partial(is_titled, panel, f"generation {number}"))
            for key in ("plus", "G", "minus", "plus", "g"):
                await pilot.press(key)
                top = panel.scroll_offset.y
                drawn = [panel.render_line(y).text for y in range(panel.size.height)]
                for row, line in zip(panel.rows[top:], drawn, strict=False):
                    arrow = "  " if row.expanded is None else "▾ " if row.expanded else "▸ "
                    assert line.startswith(" " * (2 * row.depth) + arrow + row.text[:8])
                    assert cells(line) == panel.scrollable_content_region.width
                assert list(misplaced(panel.rows)) == []

    play(FakeSession(LOADED), scenario, size=(width, 24))


def test_only_what_is_set_or_changed_is_shown_if_asked_for():
    """`s` and `m`; the title says so, and Esc shows everything again."""

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        await pilot.press("m")
        await shows(pilot, "The last reload changed nothing (Esc shows everything)")
        await pilot.press("s")
        await shows(pilot, "Configuration · generation 1 · only set")
        assert not [row for row in panel.rows if "default" in row.text + "".join(span.text for span in row.right)]
        app.session.notify(reloaded())
        await pilot.press("m")
        await shows(pilot, "Configuration · generation 2 · only changed")
        assert [row.text for row in panel.rows] == ["cost", "daily_limit_usd = 20.0  was 10.0"]
        await pilot.press("escape")
        await shows(pilot, "● 1 changed · m shows only these")
        assert "only" not in str(panel.border_title)

    play(FakeSession(LOADED), scenario)


def test_a_search_counts_its_matches_and_goes_from_one_to_the_next():
    """Esc ends it, and says so; then all is as it was, unless the reader went to another match."""

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        await pilot.press("down", "down", "down")
        before = panel.row.key
        await pilot.press("slash", *"limit")
        await shows(pilot, "1 of 2 matches")
        await shows(pilot, "Esc shows everything")
        assert panel.row.key == ("cost", "daily_limit_usd")
        await pilot.press("enter", "escape")
        await until(pilot, lambda: panel.row.key == before)
        await pilot.press("slash", *"limit", "enter", "n")
        await shows(pilot, "2 of 2 matches")
        await pilot.press("n")
        await until(pilot, lambda: panel.row.key == ("cost", "daily_limit_usd"))
        await pilot.press("N")
        await until(pilot, lambda: panel.row.key == ("cost", "monthly_limit_usd"))
        await pilot.press("escape")
        await until(pilot, lambda: "match" not in str(panel.border_title))
        assert panel.row.key == ("cost", DEFAULTS) or panel.row.key == ("cost",)

    play(FakeSession(LOADED), scenario)


@pytest.mark.parametrize(("query", "matches"), [("cost", 1), ("cost.daily", 1), ("12000", 1)])
def test_what_a_table_is_called_is_found_once(query, matches):
    """Not again with each value in it; what the line has no room for is found, too."""
    text = GOOD.replace('"gpt-5"', f'"{"x" * 100} 12000"')
    found = rows(configuration.items(snapshot(text), ()), {}, query)
    assert sum(any(span.tone == "match" for span in row.spans) for row in found) == matches


def test_all_is_folded_and_opened():
    """`-` and `+`, however deep; also what a search holds open comes to an end."""

    async def scenario(pilot):
        panel = pilot.app.screen.query_one(ConfigurationPanel)
        await pilot.press("minus")
        assert {row.depth for row in panel.rows} == {0}
        await pilot.press("plus")
        assert not [row for row in panel.rows if row.expanded is False]
        assert max(row.depth for row in panel.rows) > 2
        await pilot.press("slash", *"claude", "enter", "minus")
        await shows(pilot, "claude")

    play(FakeSession(LOADED), scenario)


def test_a_reload_never_moves_the_cursor_of_the_reader():
    """Nor what is on the screen, though lines come and go above, and something else changed."""
    longer = "[hot_reload]\ndebounce_ms = 700\n" + BETTER.replace('model = "gpt-5"\n', "")
    longer = 'model = "gpt-5"\n' + longer

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        app.session.notify(reloaded())
        await until(pilot, lambda: panel.row and panel.row.key == ("cost", "daily_limit_usd"))
        await pilot.press("end", *["up"] * 5)
        key, top = panel.row.key, panel.rows[panel.scroll_offset.y].key
        assert panel.scroll_offset.y
        app.session.notify(reloaded(9, 3, text=longer))
        await shows(pilot, "generation 3  ✓")
        assert (panel.row.key, panel.rows[panel.scroll_offset.y].key) == (key, top)
        panel.scroll_to(y=0, animate=False, force=True, immediate=True)  # as with the wheel
        app.session.notify(reloaded(19, 4))
        await shows(pilot, "generation 4  ✓")
        assert (panel.row.key, panel.scroll_offset.y) == (key, 0)
        await pilot.press("home")
        app.session.notify(reloaded(29, 5))
        await shows(pilot, "generation 5  ✓")
        assert panel.cursor == 0

    play(FakeSession(LOADED), scenario, size=SMALL)
