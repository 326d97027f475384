"""Values that need a restart: a change of them is valid, is reported, and does not take effect."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, Field, SecretStr, TypeAdapter, model_validator

from hotconf import (
    MISSING,
    Change,
    ConfigError,
    HotReloadSettings,
    HotReloadWatcher,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    RestartRequired,
    Schema,
    SecretsDir,
    WatchedFile,
)
from hotconf.config.diff import diff

Kept = Annotated[int, RestartRequired()]


class Inner(BaseModel):
    a: Kept = 0
    b: int = 0


class Item(BaseModel):
    x: Kept
    y: int = 0


class Config(BaseModel):
    p: Kept = 1
    q: int = 2
    tags: Annotated[list[str], RestartRequired()] = []
    whole: Annotated[Inner, RestartRequired()] = Inner()
    inner: Inner = Inner()
    opt: Inner | None = None
    items: list[Item] = []
    named: dict[str, Inner] = {}


def effective(start: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What takes effect of `now` after a `start` on other values; both with their defaults."""

    def inner(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any] | None:
        if before is None and after is None:
            return None
        return {"a": before["a"] if before else 0, "b": after["b"] if after else 0}

    names = dict.fromkeys((*now["named"], *start["named"]))
    return {
        **now,
        **{key: start[key] for key in ("p", "tags", "whole", "items")},
        "inner": inner(start["inner"], now["inner"]),
        "opt": inner(start["opt"], now["opt"]),
        "named": {name: inner(start["named"].get(name), now["named"].get(name)) for name in names},
    }


numbers = st.integers(0, 3)
inners = st.fixed_dictionaries({}, optional={"a": numbers, "b": numbers})
tables = st.fixed_dictionaries(
    {},
    optional={
        "p": numbers,
        "q": numbers,
        "tags": st.lists(st.sampled_from("xyz"), max_size=2),
        "whole": inners,
        "inner": inners,
        "opt": inners,
        "items": st.lists(st.fixed_dictionaries({"x": numbers}, optional={"y": numbers}), max_size=2),
        "named": st.dictionaries(st.sampled_from("nm"), inners, max_size=2),
    },
)


def write(path: Path, table: Mapping[str, Any]) -> None:
    """Save `table` as JSON."""
    path.write_text(json.dumps(table))


@contextmanager
def running(path: Path, schema: Any, table: Mapping[str, Any], **given: Any) -> Iterator[HotReloadWatcher[Any]]:
    """A watcher of `table` that reloads when it is asked to."""
    write(path, table)
    with HotReloadWatcher(path, schema, debounce_ms=60_000, **given) as watcher:
        yield watcher


@settings(max_examples=60, deadline=None)
@given(st.lists(tables, min_size=2, max_size=5))
def test_whatever_is_saved_marked_values_stay_as_they_were_at_the_start(
    tmp_path_factory: pytest.TempPathFactory, saves: list[dict[str, Any]]
) -> None:
    """Law: effective = the new table with the start values at marked places; pending = exactly the differences."""
    path = tmp_path_factory.mktemp("law") / "config.json"
    start = Config.model_validate(saves[0])
    with running(path, Config, saves[0]) as watcher:
        before = watcher.config
        for table in (*saves[1:], saves[0]):
            now = Config.model_validate(table)
            wanted = Config.model_validate(effective(start.model_dump(), now.model_dump()))
            write(path, table)
            event = watcher.reload()
            assert not diff(watcher.config, wanted)
            assert sorted(map(repr, watcher.pending_restart)) == sorted(map(repr, diff(wanted, now)))
            assert isinstance(event, ReloadSuccess | ReloadUnchanged)
            assert event.pending_restart == watcher.pending_restart == watcher.snapshot.pending_restart
            assert isinstance(event, ReloadUnchanged) == (not diff(before, watcher.config))
            before = watcher.config
        assert not watcher.pending_restart
        assert not diff(watcher.config, start)


class Server(BaseModel):
    port: Kept = 8000
    host: str = "a"


class App(BaseModel):
    server: Server = Server()


def test_the_mark_without_parentheses(tmp_path: Path) -> None:
    """It says the same."""

    class Bare(BaseModel):
        p: Annotated[int, RestartRequired] = 1
        inner: Annotated[Inner | None, RestartRequired] = None

    assert Bare.model_json_schema()["properties"]["p"]["x-restart-required"] is True
    path = tmp_path / "config.json"
    with running(path, Bare, {"p": 1}) as watcher:
        write(path, {"p": 2, "inner": {}})
        watcher.reload()
        assert [change.dotted for change in watcher.pending_restart] == ["p", "inner"]
        assert watcher.config == Bare()


def test_only_what_waits_differs_is_unchanged_and_says_so(tmp_path: Path) -> None:
    """Law 7: equality is that of what is in force; the generation stays, and what waits is carried."""
    path = tmp_path / "config.json"
    with running(path, App, {"server": {"port": 1}}) as watcher:
        config = watcher.config
        write(path, {"server": {"port": 2}})
        event = watcher.reload()
        assert isinstance(event, ReloadUnchanged)
        assert event.pending_restart == (Change(("server", "port"), 1, 2),)
        assert event.reason == "only values that need a restart differ"
        assert watcher.config is config and watcher.generation == 1
        write(path, {"server": {"port": 1}})
        watcher.reload()
        assert not watcher.pending_restart


def test_the_log_names_what_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The end of a round says which values need a restart, once."""
    path = tmp_path / "config.json"
    with running(path, App, {"server": {"port": 1}}) as watcher:
        for host in ("b", "c"):
            write(path, {"server": {"port": 2, "host": host}})
            watcher.reload()
    from hotconf.logs import records

    records.flush()
    assert caplog.text.count("restart required for server.port") == 1


def test_an_override_beats_what_is_kept(tmp_path: Path) -> None:
    """While it is entered it counts, and nothing waits; then what was kept counts again."""
    path = tmp_path / "config.json"
    with running(path, App, {"server": {"port": 1}}) as watcher:
        write(path, {"server": {"port": 2}})
        watcher.reload()
        with watcher.override({"server.port": 3}):
            assert watcher.config.server.port == 3
            assert not watcher.pending_restart
            write(path, {"server": {"port": 4, "host": "b"}})
            watcher.reload()
            assert (watcher.config.server.port, watcher.config.server.host) == (3, "b")
        assert (watcher.config.server.port, watcher.config.server.host) == (1, "b")
        assert watcher.pending_restart == (Change(("server", "port"), 1, 4),)


def test_an_override_from_before_the_start_is_what_the_program_began_with(tmp_path: Path) -> None:
    """The start values are those that were published first."""
    path = tmp_path / "config.json"
    write(path, {"server": {"port": 1}})
    watcher = HotReloadWatcher(path, App)
    with watcher.override({"server.port": 3}):
        watcher.start()
    try:
        assert watcher.config.server.port == 3
        assert watcher.pending_restart == (Change(("server", "port"), 3, 1),)
    finally:
        watcher.close()


class Range(BaseModel):
    low: Kept = 1
    high: int = 10

    @model_validator(mode="after")
    def ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def test_a_refusal_because_of_what_is_kept_says_so(tmp_path: Path) -> None:
    """Valid as it stands, but not with the value from the start: refused at its line, with the way out."""
    path = tmp_path / "config.json"
    with running(path, Range, {"low": 5, "high": 9}) as watcher:
        write(path, {"low": 1, "high": 3})
        event = watcher.reload()
        assert isinstance(event, ReloadFailed)
        assert "low is above high (low keeps its value until a restart)" in event.error
        assert event.problems[0].hint == "a restart applies it"
        assert event.problems[0].file == path
        assert watcher.config.high == 9
        write(path, {"low": 4, "high": 3})
        event = watcher.reload()
        assert isinstance(event, ReloadFailed) and "restart" not in event.error


class Tls(BaseModel):
    cert: Annotated[str, RestartRequired()]
    verify: bool = True


class Optional(BaseModel):
    tls: Tls | None = None
    backends: dict[str, Tls] = {}
    n: int = 0


def test_a_table_that_cannot_do_without_what_it_lacked_at_start_is_kept_away_whole(tmp_path: Path) -> None:
    """An optional table with a required value: it waits, and the rest takes effect; so when it is removed."""
    path = tmp_path / "config.json"
    with running(path, Optional, {}) as watcher:
        write(path, {"tls": {"cert": "x"}, "backends": {"a": {"cert": "y"}}, "n": 1})
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert watcher.config.tls is None and not watcher.config.backends and watcher.config.n == 1
        assert [change.dotted for change in watcher.pending_restart] == ["tls", "backends.a"]
    with running(path, Optional, {"tls": {"cert": "x"}, "n": 1}) as watcher:
        write(path, {"n": 2})
        watcher.reload()
        assert watcher.config.tls == Tls(cert="x") and watcher.config.n == 2


class S3(BaseModel):
    kind: Literal["s3"]
    bucket: Annotated[str, RestartRequired()]
    n: int = 0


class Disk(BaseModel):
    kind: Literal["disk"]
    path: str


class Storage(BaseModel):
    storage: Annotated[S3 | Disk, Field(discriminator="kind")]


def test_a_value_in_a_branch_that_is_gone_is_not_kept(tmp_path: Path) -> None:
    """The other kind takes effect; back again, the value is that of the start."""
    path = tmp_path / "config.json"
    with running(path, Storage, {"storage": {"kind": "s3", "bucket": "a"}}) as watcher:
        write(path, {"storage": {"kind": "disk", "path": "/"}})
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert not watcher.pending_restart
        write(path, {"storage": {"kind": "s3", "bucket": "b", "n": 1}})
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert (watcher.config.storage.bucket, watcher.config.storage.n) == ("a", 1)
        assert watcher.pending_restart == (Change(("storage", "bucket"), "a", "b"),)


class MarkedUnion(BaseModel):
    storage: Annotated[S3 | Disk, Field(discriminator="kind"), RestartRequired()]
    other: Annotated[S3 | Disk, RestartRequired(), Field(discriminator="kind")] = Disk(kind="disk", path="/")


def test_a_marked_union_is_kept_with_its_kind(tmp_path: Path) -> None:
    """The mark may stand before or behind the discriminator."""
    path = tmp_path / "config.json"
    s3, disk = {"kind": "s3", "bucket": "a"}, {"kind": "disk", "path": "/x"}
    with running(path, MarkedUnion, {"storage": s3, "other": s3}) as watcher:
        config = watcher.config
        write(path, {"storage": disk, "other": disk})
        assert isinstance(watcher.reload(), ReloadUnchanged)
        assert watcher.config is config
        assert [each.dotted for each in watcher.pending_restart] == ["storage", "other"]


class Aliased(BaseModel):
    one: Kept = Field(0, validation_alias="eins")
    two: Kept = Field(0, validation_alias=AliasChoices("zwei", "deux"))
    three: Kept = Field(0, validation_alias=AliasPath("deep", "three"))
    four: Kept = Field(0, validation_alias=AliasPath("list", 1))
    kebab_key: Kept = 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"eins": 1}, {"eins": 2}),
        ({"zwei": 1}, {"deux": 2}),
        ({"deux": 1}, {"zwei": 2}),
        ({"deep": {"three": 1}}, {"deep": {"three": 2}}),
        ({}, {"deep": {"three": 2}}),
        ({"list": [1, 2]}, {"list": [1, 3]}),
        ({"kebab-key": 1}, {"kebab_key": 2}),
        ({"kebab_key": 1}, {"kebab-key": 2}),
        ({"eins": 1}, {}),
    ],
)
def test_whatever_the_key_is(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Aliases, alias paths and kebab keys lead to the same value, which is kept."""
    path = tmp_path / "config.json"
    with running(path, Schema(Aliased, kebab=True), before) as watcher:
        config = watcher.config
        write(path, after)
        assert isinstance(watcher.reload(), ReloadUnchanged)
        assert watcher.config is config and len(watcher.pending_restart) == 1


class Files(BaseModel):
    cert: Annotated[WatchedFile, RestartRequired()]
    made: Annotated[int, RestartRequired()] = Field(default_factory=iter(range(1000)).__next__)
    n: int = 0


def test_what_is_made_anew_with_each_load_is_kept_all_the_same(tmp_path: Path) -> None:
    """The bytes of a named file, and what a factory makes, are those of the start."""
    (tmp_path / "cert.pem").write_text("old")
    path = tmp_path / "config.json"
    with running(path, Files, {"cert": "cert.pem"}) as watcher:
        made = watcher.config.made
        (tmp_path / "cert.pem").write_text("new")
        write(path, {"cert": "cert.pem", "n": 1})
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert (watcher.config.cert.text, watcher.config.made, watcher.config.n) == ("old", made, 1)
        assert "cert" in [each.dotted for each in watcher.pending_restart]


class Moved(BaseModel):
    port: Kept = 0

    @model_validator(mode="before")
    @classmethod
    def old_name(cls, data: Any) -> Any:
        return {"port": data["old_port"]} if isinstance(data, dict) and "old_port" in data else data


class Computed(BaseModel):
    a: int = 0
    b: Kept = 0

    @model_validator(mode="after")
    def sum(self) -> Computed:
        self.b = self.a + 1
        return self


def test_a_value_that_a_validator_makes_never_slips_through(tmp_path: Path) -> None:
    """It is kept if that is possible, or the change is refused."""
    path = tmp_path / "config.json"
    with running(path, Moved, {"old_port": 1}) as watcher:
        write(path, {"old_port": 2})
        watcher.reload()
        assert watcher.config.port == 1
    with running(path, Computed, {"a": 1}) as watcher:
        write(path, {"a": 2})
        assert isinstance(watcher.reload(), ReloadFailed)
        assert watcher.config.b == 2


class Secretive(BaseModel):
    key: Annotated[SecretStr, RestartRequired()] = SecretStr("nothing-yet")
    plain: Annotated[str, RestartRequired()] = ""
    n: int = 0


def test_secrets_that_wait_are_masked_and_known(tmp_path: Path) -> None:
    """Neither the old nor the new one shows in what waits; both are scrubbed for as long as they count."""
    path = tmp_path / "config.json"
    with running(path, Secretive, {"key": "old-secret-value"}) as watcher:
        for number in range(20):
            write(path, {"key": "new-secret-value", "n": number})
            event = watcher.reload()
            shown = repr((event, watcher.pending_restart, watcher.snapshot))
            assert "secret-value" not in shown
        assert watcher.config.key.get_secret_value() == "old-secret-value"
        assert watcher.scrub("old-secret-value new-secret-value").count("secret-value") == 0


def test_a_value_from_a_secrets_directory_stays_a_secret_when_its_file_is_gone(tmp_path: Path) -> None:
    """What is kept is as secret as the layer that it came from."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "plain").write_text("from-the-directory")
    (secrets / "n").write_text("1")
    path = tmp_path / "config.json"
    with running(path, Secretive, {}, layers=[SecretsDir(secrets)]) as watcher:
        (secrets / "plain").unlink()
        (secrets / "n").write_text("2")
        watcher.reload()
        assert watcher.config.n == 2
        assert watcher.config.plain == "from-the-directory"
        assert ("plain",) in watcher.snapshot.secret_paths()
        assert watcher.pending_restart
        assert "from-the-directory" not in repr(watcher.pending_restart)


def test_without_a_file_layers_are_kept_too() -> None:
    """`path=None`: what the layers said at start counts."""
    values = {"server": {"port": 1}}

    class Live:
        name = "live"

        def read(self) -> Mapping[str, Any]:
            return values

    with HotReloadWatcher(None, App, layers=[Live()]) as watcher:
        values["server"] = {"port": 2}
        watcher.reload()
        assert watcher.config.server.port == 1
        assert watcher.pending_restart == (Change(("server", "port"), 1, 2),)


class Own(BaseModel):
    hot_reload: Annotated[HotReloadSettings, RestartRequired()] = HotReloadSettings()


def test_settings_of_the_reload_can_be_kept_but_not_which_files_are_read(tmp_path: Path) -> None:
    """The debounce window stays; `watch_paths` is followed, since it decides what a configuration is."""
    path = tmp_path / "config.json"
    write(path, {"hot_reload": {"debounce_ms": 60_000}})
    with HotReloadWatcher(path, Own) as watcher:
        write(path, {"hot_reload": {"debounce_ms": 500, "watch_paths": ["other*.json"]}})
        watcher.reload()
        assert watcher.settings.debounce_ms == 60_000
        assert list(watcher.config.hot_reload.watch_paths) == ["other*.json"]
        assert [each.dotted for each in watcher.pending_restart] == ["hot_reload.debounce_ms"]


def test_the_root_and_plain_tables_may_be_marked(tmp_path: Path) -> None:
    """A model marked as a whole changes with a restart only."""
    path = tmp_path / "config.json"
    with running(path, TypeAdapter(Annotated[App, RestartRequired()]), {"server": {"port": 1}}) as watcher:
        write(path, {"server": {"port": 2, "host": "b"}})
        assert isinstance(watcher.reload(), ReloadUnchanged)
        assert len(watcher.pending_restart) == 2
    with running(path, TypeAdapter(dict[str, Kept]), {"a": 1}) as watcher:
        write(path, {"a": 2, "b": 1})
        assert isinstance(watcher.reload(), ReloadUnchanged)
        assert watcher.pending_restart == (Change(("a",), 1, 2), Change(("b",), MISSING, 1))


def test_the_start_is_the_first_good_configuration(tmp_path: Path) -> None:
    """After a start without a configuration, and after one on the last good state."""
    path = tmp_path / "config.json"
    path.write_text("{")
    watcher = HotReloadWatcher(path, App, debounce_ms=0)
    watcher.start(require=False)
    try:
        for port in (1, 2):
            write(path, {"server": {"port": port}})
            watcher.reload()
        assert watcher.config.server.port == 1
    finally:
        watcher.close()
    state = tmp_path / "state"
    with running(path, App, {"server": {"port": 5}}, state_dir=state):
        pass
    path.write_text("{")
    with HotReloadWatcher(path, App, debounce_ms=0, state_dir=state) as watcher:
        assert watcher.config.server.port == 5
        write(path, {"server": {"port": 6}})
        watcher.reload()
        assert watcher.config.server.port == 5
        assert watcher.pending_restart == (Change(("server", "port"), 5, 6),)
    with HotReloadWatcher(path, App, state_dir=state) as watcher:
        assert watcher.config.server.port == 6  # the files are kept, not what was in force


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_keeps_what_its_parent_began_with(tmp_path: Path) -> None:
    """A worker goes on with the values of the process that it was forked from."""
    path = tmp_path / "config.json"
    with running(path, App, {"server": {"port": 1}}) as watcher:
        child = os.fork()
        if not child:
            write(path, {"server": {"port": 2, "host": "b"}})
            watcher.reload()
            kept = watcher.config.server.port == 1 and watcher.config.server.host == "b"
            os._exit(0 if kept and watcher.pending_restart else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_refused_override_changes_nothing_that_is_kept(tmp_path: Path) -> None:
    """What was kept counts after it, and what waits is still known."""
    path = tmp_path / "config.json"
    with running(path, Range, {"low": 5, "high": 9}) as watcher:
        write(path, {"low": 6, "high": 9})
        watcher.reload()
        with pytest.raises(ConfigError), watcher.override({"high": 1}):
            pass
        assert watcher.config.low == 5
        assert watcher.pending_restart == (Change(("low",), 5, 6),)
