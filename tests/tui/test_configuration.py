"""The configuration as a tree."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import BaseModel, Field, model_validator

from hotconf import MISSING, Change, DotEnv, Flags, HotReloadWatcher, SecretsDir
from hotconf.keypath import dotted
from hotconf.report.effective import Effective
from hotconf.schema import Schema
from hotconf.tui.describing.describer import Describer
from hotconf.tui.view import configuration, details
from hotconf.tui.view.tree import DEFAULTS, is_marked
from hotconf.tui.view.tree import rows as rows_of
from tui.updates import BETTER, COST, GOOD, snapshot

SECRET = GOOD.replace("[cost]", '[mcp_servers.git]\ntoken = "hunter2"\n\n[cost]')


class Model(BaseModel, frozen=True):
    token: str = ""
    port: int = 0


def shown(text=GOOD, changes=(), query="", toggled=None):
    """The rows of the tree of `text`."""
    grown = configuration.items(snapshot(text), changes)
    return rows_of(grown, toggled or {}, query)


def line(rows, start):
    """The first row that starts so."""
    found = [row for row in rows if row.text.startswith(start)]
    assert found, [row.text for row in rows]
    return found[0]


def test_what_is_written_comes_first_and_open_with_its_place():
    """The rest are defaults, folded into one line, and say so."""
    rows = shown()
    assert [row.text for row in rows if not row.depth][-1] == "13 defaults"
    assert line(rows, "3 defaults").depth == 1
    rows = shown(toggled={(DEFAULTS,): True, ("cost", DEFAULTS): True})
    assert line(rows, "daily_limit_usd").text == "daily_limit_usd = 10.0"
    assert line(rows, "daily_limit_usd").right[0].text == "config.toml:4"
    assert line(rows, "alert_threshold").right[0].text == "default"
    assert line(rows, "evidence").text == "evidence  4 values"
    assert line(rows, "evidence").expanded is False


def test_what_there_is_a_warning_about_is_marked():
    """A misspelt key is in no model, so the table that it stands in is marked; and what is above, when folded."""
    rows = shown(GOOD.replace("daily_limit_usd", "daily_limit_use"))
    marked = [row.text.split(" ")[0] for row in rows if any(span.text == "⚠ " for span in row.right)]
    assert marked == ["cost"]
    assert not any(is_marked(row) for row in rows)


def test_the_place_of_a_secret_or_a_variable_is_as_people_write_it(tmp_path, monkeypatch):
    """No line and no column is invented, neither in the list nor in the details."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("hunter2")
    (tmp_path / ".env").write_text("\nAPP_PORT=1\n")
    with HotReloadWatcher(None, Model, layers=[SecretsDir("secrets"), DotEnv(".env", "APP_")]) as watcher:
        grown = configuration.items(watcher.snapshot, ())
    rows = rows_of(grown, {})
    found = {row.text.split(" ")[0]: (row.right[-1].text, str(row.place)) for row in rows}
    assert found["token"] == ("secrets/token", str(tmp_path / "secrets" / "token"))
    assert found["port"] == (".env:2", f"{tmp_path / '.env'}:2")
    item = configuration.find(grown, ("token",))
    assert f"Origin    {tmp_path / 'secrets' / 'token'}" in [row.text for row in details.of_value(item, None, 200)]


def test_items_of_arrays_have_their_names_and_their_order():
    """`[0] gemini`, whatever the defaults."""
    rows = shown()
    assert [row.text for row in rows if row.text.startswith("[")] == ["[0] gemini", "[1] claude"]


def test_secrets_are_masked():
    """In every line, in what is copied, and in what is found."""
    rows = shown(SECRET, toggled={("mcp_servers",): True, ("mcp_servers", "git"): True})
    assert line(rows, "token").text == "token = ********"
    assert not any("hunter2" in row.text + row.copy for row in rows)
    assert shown(SECRET, query="hunter2") == ()


def test_what_the_last_reload_changed_is_marked():
    """With what it was before, and a mark at all that it stands in."""
    rows = shown(BETTER, COST)
    assert line(rows, "daily_limit_usd").text == "daily_limit_usd = 20.0  was 10.0"
    assert [span.text for span in line(rows, "daily_limit_usd").right] == ["● ", "config.toml:4"]
    assert is_marked(line(rows, "cost"))
    assert not is_marked(line(rows, "agents"))
    folded = shown(BETTER, COST, toggled={("cost",): False})
    assert line(folded, "cost").text == "cost  4 values"
    assert is_marked(line(folded, "cost"))


def test_all_of_a_new_table_is_new():
    """Though the change names the table alone."""
    new = {"name": "claude", "command": "claude"}
    rows = shown(GOOD, (Change(("agents", 1), MISSING, new),))
    assert line(rows, "[1] claude").spans[0].tone == "accent"
    assert is_marked(line(rows, 'name = "claude"'))


def test_a_change_inside_a_plain_array_marks_the_array():
    """It is one line, whatever of it changed."""
    rows = shown(GOOD, (Change(("quality_gates", "plan", 1), "x", "claude"),))
    assert is_marked(line(rows, "plan"))


def test_the_mark_is_not_cut_away_with_a_long_value():
    """It stands beside the origin."""
    text = GOOD.replace('"gpt-5"', f'"{"x" * 300}"')
    rows = shown(text, (Change(("model",), "gpt-5", "x"),))
    assert line(rows, "model").right[0].text == "● "


def test_search_finds_keys_and_values_and_what_they_stand_in():
    """Whatever is folded, whatever the case; the match is marked."""
    rows = shown(query="RETENTION")
    assert [row.text for row in rows] == ["evidence", "retention_days = 90"]
    assert [span.text for span in rows[1].spans if span.tone == "match"] == ["retention"]
    assert [row.text for row in shown(query='"gemini", "cl')] == ["quality_gates", 'plan = ["gemini", "claude"]']
    assert shown(query="nowhere") == ()


def test_a_table_is_found_with_all_that_is_in_it():
    """By its name."""
    assert len(shown(query="evidence")) == 5


def test_folding_is_the_persons():
    """What they open stays open."""
    rows = shown(toggled={(DEFAULTS,): True, ("evidence",): True, ("cost",): False})
    assert line(rows, "evidence").expanded is True
    assert not [row for row in rows if row.text.startswith("daily")]


def test_the_whole_of_a_value_is_spelled_as_toml():
    """Strings, arrays and tables in them; what is masked stays masked."""
    text = GOOD.replace('"gpt-5"', '"say \\"hi\\""')
    grown = configuration.items(snapshot(text), ())
    assert configuration.whole(grown, ("model",)) == 'model = "say \\"hi\\""'
    assert configuration.whole(grown, ("quality_gates", "plan")) == 'quality_gates.plan = ["gemini", "claude"]'
    assert configuration.whole(grown, ("agents", 1, "env", "API_KEY")) == "agents[1].env.API_KEY = ********"
    assert configuration.whole(grown, ("cost",)) == configuration.whole(grown, ("nowhere",)) == ""


def test_copying_a_value_gives_its_key():
    """As it could be written in the file."""
    assert line(shown(), "daily_limit_usd").copy == "cost.daily_limit_usd = 10.0"


def test_of_thousands_of_tables_all_are_there():
    """Each with its values and its place, and found; no line is made up."""
    text = GOOD + "".join(f'[profiles.p{n}]\nmodel = "m{n}"\n' for n in range(4000))
    rows = shown(text)
    tables = [row.text for row in rows if row.depth == 1 and row.key[0] == "profiles"]
    assert tables == [f"p{n}" for n in range(4000)]
    assert line(rows, 'model = "m3999"').place is not None
    assert not [row for row in rows if row.text.startswith(('"…"', "…"))]
    assert [row.text for row in shown(text, query="p3999")] == ["profiles", "p3999", 'model = "m3999"']


def test_a_long_value_takes_nothing_from_its_neighbours():
    """All other fields are there; it is found and copied by what its line has no room for."""
    args = ", ".join(f'"a{n}"' for n in range(12_000))
    text = GOOD.replace('command = "gemini"', f'command = "gemini"\nargs = [{args}]')
    rows = shown(text, toggled={("agents", 0, DEFAULTS): True})
    fields = [row.key[2] for row in rows if row.key[:2] == ("agents", 0) and len(row.key) == 3]
    assert {"name", "command", "args", "enabled", "description", "env"} <= set(fields)
    assert [row.key for row in shown(text, query='"a11999"')][-1] == ("agents", 0, "args")
    grown = configuration.items(snapshot(text), ())
    assert configuration.whole(grown, ("agents", 0, "args")) == f"agents[0].args = [{args}]"


def test_what_is_not_shown_has_no_made_up_origin():
    """It is named, says so, and gives its key to the clipboard and nothing else."""
    nested: dict[str, object] = {"end": 1}
    for _ in range(70):
        nested = {"t": nested}
    config = {"list": json.loads("[" * 70 + "]" * 70), "plain": "x", **nested}
    grown = configuration.items(replace(snapshot(), config=config), ())
    rows = rows_of(grown, {("t",) * n: True for n in range(70)})
    part = line(rows, "list = [[[[")
    assert (rows[-1].text, rows[-1].copy) == ("t = … too deep, or too much, to be shown", ".".join("t" * 64))
    assert (part.right, rows[-1].right, part.copy) == ((), (), "list")
    assert configuration.whole(grown, ("list",)) == configuration.whole(grown, ("t",) * 64) == ""
    items = [configuration.find(grown, row.key) for row in (line(rows, "plain"), rows[-1])]
    origins = [[row.text for row in details.of_value(item, None, 80)] for item in items]
    assert ["Origin    a default, in no file" in texts for texts in origins] == [True, False]


def test_long_values_that_changed_are_told_apart():
    """The line and what it was are both cut around the first difference."""
    old, new = ("x" * 90 + end for end in "12")
    rows = shown(GOOD.replace("gpt-5", new), (Change(("model",), old, new),))
    assert line(rows, "model").text == f'model = …{"x" * 20}2"  was …{"x" * 20}1"'


def test_a_value_names_what_it_overrides(tmp_path):
    """In the tree without columns, and in the details a line each."""

    class Small(BaseModel):
        port: int = 1

    main = tmp_path / "config.toml"
    main.write_text("port = 2\n")
    with HotReloadWatcher(main, Small, layers=[{"port": 3}, Flags({"port": 4})]) as watcher:
        grown = configuration.items(watcher.snapshot, ())
    row = line(rows_of(grown, {}), "port")
    assert (row.text, row.right[0].text) == ("port = 4", "flags[port], over layers[0], config.toml:1")
    known = Describer(Schema(Small))(watcher.snapshot, ("port",))
    texts = [each.text for each in details.of_value(configuration.find(grown, ("port",)), known, 80)]
    assert texts[-5:] == [
        "Layers, weakest first",
        "  default        1",
        "  config.toml:1  2",
        "  layers[0]      3",
        "  flags[port]    4",
    ]


class Derived(BaseModel):
    name: str = "a"
    size: int = 1
    label: str = ""
    made: list[int] = Field(default_factory=lambda: [1])
    tags: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _label(self):
        self.label = self.name * 2
        return self


class Around(BaseModel):
    written: Derived
    unwritten: Derived = Derived()
    extras: dict[str, str] = {}


def test_what_no_layer_sets_comes_from_where_show_says(tmp_path):
    """A default, or computed by a validator or a factory: one rule for the tree and for `hotconf show`."""
    file = tmp_path / "config.toml"
    file.write_text('[written]\nname = "b"\n[extras]\n"postgres://me:hunter2@db" = "x"\n')
    with HotReloadWatcher(file, Around) as watcher:
        snapshot = watcher.snapshot
    grown = configuration.items(snapshot, ())
    leaves = [leaf for item in grown for leaf in (item.children or [item])]
    shown = Effective(snapshot).as_text()
    said = [line.rpartition("# ")[2] for line in shown.splitlines() if "# " in line]
    by_key = {dotted(leaf.path): leaf.where for leaf in leaves}
    assert sorted(by_key.values()) == sorted(said)
    assert by_key["written.label"] == by_key["written.made"] == "computed"
    assert by_key["written.size"] == by_key["unwritten.name"] == by_key["unwritten.tags"] == "default"
    row = line(rows_of(grown, {}, "written.label"), "label")
    assert row.right[0].text == "computed"


def test_what_needs_a_restart_is_marked_with_what_it_will_be():
    """The value itself, and the tables around it."""
    waiting = (Change(("cost", "daily_limit_usd"), 10.0, 30.0), Change(("evidence", "new"), MISSING, 1))
    rows = rows_of(configuration.items(replace(snapshot(GOOD), pending_restart=waiting), ()), {})
    row = line(rows, "daily_limit_usd")
    assert row.text == "daily_limit_usd = 10.0  30.0 after a restart"
    assert [span.text for span in row.right] == ["↻ ", "config.toml:4"]
    assert line(rows, "cost").right[0].text == line(rows, "evidence").right[0].text == "↻ "
    assert "↻ " not in [span.text for span in line(rows, "agents").right]
