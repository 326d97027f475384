"""Fields of the type `WatchedFile`: files that values name are read, watched and changed with the configuration."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    RootModel,
    create_model,
    field_validator,
)

from hotconf import (
    ConfigError,
    DotEnv,
    Env,
    Flags,
    HotReloadSettings,
    HotReloadWatcher,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    RestartRequired,
    UsageError,
    WatchedFile,
    WatchedFileOptions,
)
from waiting import wait_until
from watcher.watched import WINDOW_MS, Frozen, Seen, save

MAIN: Final = "[tls]\ncert = 'certs/tls.crt'\nchain = 'certs/chain.pem'\n"


class Tls(Frozen):
    cert: WatchedFile
    chain: WatchedFile


class App(Frozen):
    tls: Tls
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration that names two files."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/tls.crt").write_text("CERT 1")
    (tmp_path / "certs/chain.pem").write_text("CHAIN 1")
    (tmp_path / "config.toml").write_text(MAIN)
    return tmp_path


def generations(watcher: HotReloadWatcher[Any], seen: Seen) -> list[tuple[bytes, bytes]]:
    """Of the first generation and each one after it, both contents."""
    found = [(watcher.config.tls.cert.data, watcher.config.tls.chain.data)]
    watcher.on_change(lambda config: config.tls, lambda _, new: found.append((new.cert.data, new.chain.data)))
    return found


# Changes


@pytest.mark.parametrize("observer", ["auto", "poll", "watchdog"])
def test_a_change_of_the_file_is_a_reload(root, watch, observer):
    """With a change at the key of the field, whatever notices it; the configuration's own files stay as they are."""
    watcher, seen = watch(root / "config.toml", App, observer=observer, reconcile_s=0.05)
    called: list[tuple[bytes, bytes]] = []
    watcher.on_change("tls.cert", lambda old, new: called.append((old.data, new.data)))
    save(root / "certs/tls.crt", "CERT 22")
    ending = seen.exactly("FileChanged tls.crt", "ReloadSuccess 2")
    assert isinstance(ending, ReloadSuccess)
    assert [str(change) for change in ending.changes] == [
        'tls.cert: "certs/tls.crt (6 bytes)" → "certs/tls.crt (7 bytes)"'
    ]
    wait_until(lambda: called == [(b"CERT 1", b"CERT 22")])
    assert watcher.watching == (root / "config.toml", root / "certs/tls.crt", root / "certs/chain.pem")


def test_a_change_of_equal_size_says_that_something_changed(root, watch):
    """What differs is not shown."""
    _, seen = watch(root / "config.toml", App)
    save(root / "certs/tls.crt", "CERT 2")
    ending = seen.ending()
    assert isinstance(ending, ReloadSuccess)
    assert ending.summary == ("tls.cert: changed (in a part not shown)",)


def test_a_save_of_the_same_bytes_is_unchanged(root, watch):
    """The digest decides, as it does for the configuration itself."""
    watcher, seen = watch(root / "config.toml", App)
    before = watcher.config
    save(root / "certs/tls.crt", "CERT 1")
    assert isinstance(seen.exactly("FileChanged tls.crt", "ReloadUnchanged"), ReloadUnchanged)
    assert watcher.config is before


def test_the_digest_covers_the_files(root, watch):
    """A state with other bytes has another digest, and the first one again once they are back."""
    watcher, seen = watch(root / "config.toml", App)
    first = watcher.snapshot.digest
    save(root / "certs/tls.crt", "CERT 2")
    seen.ending()
    assert watcher.snapshot.digest != first
    save(root / "certs/tls.crt", "CERT 1")
    seen.ending(2)
    assert watcher.snapshot.digest == first


def test_another_path_is_a_change_though_the_bytes_are_the_same(root, watch):
    """Files are equal by path and content."""
    watcher, seen = watch(root / "config.toml", App)
    (root / "certs/other.crt").write_text("CERT 1")
    save(root / "config.toml", MAIN.replace("tls.crt", "other.crt"))
    seen.ending()
    assert watcher.generation == 2
    assert root / "certs/tls.crt" not in watcher.watching
    save(root / "certs/other.crt", "CERT 3")
    seen.ending(2)
    assert watcher.config.tls.cert.data == b"CERT 3"


def test_what_kubernetes_swaps_is_one_generation(root, watch):
    """`..data` leads to another directory from one moment to the next: both files change in one generation."""
    for name in ("tls.crt", "chain.pem"):
        (root / "certs" / name).unlink()
        (root / "certs" / name).symlink_to(f"..data/{name}")
    for number in range(1, 7):
        (root / f"certs/..{number}").mkdir()
        (root / f"certs/..{number}/tls.crt").write_text(f"CERT {number}")
        (root / f"certs/..{number}/chain.pem").write_text(f"CHAIN {number}")
    (root / "certs/..data").symlink_to("..1")
    watcher, seen = watch(root / "config.toml", App)
    found = generations(watcher, seen)
    for number in range(2, 7):
        (root / "certs/..data_tmp").symlink_to(f"..{number}")
        (root / "certs/..data_tmp").rename(root / "certs/..data")
        wait_until(lambda number=number: len(found) == number)
    assert found == [(f"CERT {number}".encode(), f"CHAIN {number}".encode()) for number in range(1, 7)]


def test_what_certbot_swaps_within_a_window_is_one_generation(root, watch):
    """It renames a link for each file, one after the other."""
    for name in ("tls.crt", "chain.pem"):
        (root / "certs" / name).rename(root / "certs" / f"1.{name}")
        (root / "certs" / name).symlink_to(f"1.{name}")
    (root / "certs/2.tls.crt").write_text("CERT 2")
    (root / "certs/2.chain.pem").write_text("CHAIN 2")
    watcher, seen = watch(root / "config.toml", App, debounce_ms=300)
    found = generations(watcher, seen)
    for name in ("tls.crt", "chain.pem"):
        (root / "certs/new").symlink_to(f"2.{name}")
        (root / "certs/new").rename(root / "certs" / name)
    seen.ending()
    wait_until(lambda: len(found) == 2)
    assert found == [(b"CERT 1", b"CHAIN 1"), (b"CERT 2", b"CHAIN 2")]
    assert watcher.generation == 2


def test_a_half_written_file_is_waited_for(root, watch):
    """A file that shrank to the first part of what it was is given one window more, as the configuration's are."""
    watcher, seen = watch(root / "config.toml", App)
    long = "CERT " + 1000 * "x"
    save(root / "certs/tls.crt", long)
    seen.ending()
    (root / "certs/tls.crt").write_text(long[:10])
    wait_until(lambda: watcher.shrank == (root / "certs/tls.crt",))
    (root / "certs/tls.crt").write_text(long + "2")
    seen.ending(2)
    assert watcher.config.tls.cert.text == long + "2"
    assert watcher.generation == 3


# What cannot be read


def listening(path: Path) -> None:
    """Put a socket there."""
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(path.name)
    finally:
        os.chdir(here)


def giant(path: Path) -> None:
    """A file of 17 MiB, of which nothing is on the disk."""
    path.touch()
    os.truncate(path, 17 << 20)


BAD: Final = {
    "absent": (lambda path: None, "missing", "The file does not exist"),
    "a directory": (lambda path: path.mkdir(), "unreadable", "Cannot read the file: it is a directory"),
    "a pipe": (os.mkfifo, "unreadable", "Cannot read the file: it is a named pipe"),
    "a socket": (listening, "unreadable", "Cannot read the file: it is a socket"),
    "a device": (
        lambda path: path.symlink_to("/dev/zero"),
        "unreadable",
        "Cannot read the file: it is a device",
    ),
    "links in a circle": (
        lambda path: path.symlink_to(path.name),
        "unreadable",
        "Cannot read the file: its links lead in a circle",
    ),
    "too large": (giant, "too_large", "The file is larger than 16777216 bytes"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_read_keeps_the_old_configuration_and_recovers(root, watch, what):
    """A problem at the line that names it; as soon as there is a file, it is read."""
    make, kind, text = BAD[what]
    watcher, _ = watch(root / "config.toml", App)
    bad = root / "certs/tls.crt"
    bad.unlink()
    make(bad)
    wait_until(lambda: isinstance(watcher.last, ReloadFailed) and text in watcher.last.error)
    ending = watcher.last
    assert isinstance(ending, ReloadFailed)
    (problem,) = ending.problems
    assert (problem.kind, problem.path, problem.line) == (kind, ("tls", "cert"), 2)
    assert problem.file == root / "config.toml"
    assert str(bad) in problem.message
    assert (watcher.generation, watcher.config.tls.cert.data) == (1, b"CERT 1")
    if what == "a directory":
        bad.rmdir()
    save(bad, "CERT 2")
    wait_until(lambda: watcher.generation == 2)
    assert watcher.config.tls.cert.data == b"CERT 2"


BROKEN: Final = {
    "the main file": lambda root: save(root / "config.toml", "[tls\n"),
    "a fragment": lambda root: save(root / "config.toml", "[hot_reload]\nwatch_paths = ['conf.d/*']\n" + MAIN),
    "a layer": lambda root: save(root / ".env", "APP_TLS={\n"),
}


@pytest.mark.parametrize("order", ["before", "with"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_changes_while_no_values_are_known(root, watch, what, order):
    """The next load that gets as far as the values reads it, and is no internal error."""
    (root / "conf.d").mkdir()
    (root / "conf.d/a.toml").write_text("[tls\n")
    (root / ".env").write_text("")
    watcher, seen = watch(root / "config.toml", App, layers=[DotEnv(root / ".env", "APP_")])
    BROKEN[what](root)
    if order == "before":
        assert isinstance(seen.ending(), ReloadFailed)
    save(root / "certs/tls.crt", "CERT 2")
    assert isinstance(seen.ending(2 if order == "before" else 1), ReloadFailed)
    save(root / ".env", "")
    save(root / "config.toml", MAIN)
    wait_until(lambda: watcher.config.tls.cert.data == b"CERT 2")
    assert not [event for event in seen.events if getattr(event, "kind", "") == "internal"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(root, watch):
    """Once it may be, it is."""
    watcher, seen = watch(root / "config.toml", App)
    (root / "certs/tls.crt").chmod(0)
    ending = seen.ending()
    assert isinstance(ending, ReloadFailed)
    assert "permission denied" in ending.error
    (root / "certs/tls.crt").chmod(0o600)
    wait_until(lambda: isinstance(watcher.last, ReloadUnchanged))


def test_a_start_without_the_file(root, watch):
    """It is refused; a start that does not require a configuration comes up once the file is there."""
    (root / "certs/tls.crt").unlink()
    with pytest.raises(ConfigError, match=r"config\.toml:2:8: tls\.cert: The file does not exist: .*tls\.crt"):
        HotReloadWatcher(root / "config.toml", App).start()
    watcher, _ = watch(root / "config.toml", App, require=False)
    save(root / "certs/tls.crt", "CERT 2")
    wait_until(lambda: watcher.generation == 1)
    assert watcher.config.tls.cert.data == b"CERT 2"


def test_the_directory_of_a_file_may_come_later(root, watch):
    """All of the way to it."""
    (root / "config.toml").write_text(MAIN.replace("certs/tls", "a/b/tls"))
    watcher, _ = watch(root / "config.toml", App, require=False)
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/tls.crt").write_text("CERT 2")
    wait_until(lambda: watcher.generation == 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Not the path of a file"),
        ("-----BEGIN KEY-----\\nsecret\\n", "Not the path of a file"),
        (5000 * "x", "Not the path of a file"),
        ("~nobody-of-this-name/x", "there is no user"),
        (300 * "x", "Cannot read the file: File name too long"),
    ],
)
def test_what_is_no_path(root, text, said):
    """What looks like the content of a file is not repeated: it may be secret."""
    (root / "config.toml").write_text(f'[tls]\ncert = "{text}"\nchain = "certs/chain.pem"\n')
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(root / "config.toml", App).start()
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.line == 2
    assert "secret" not in str(caught.value)


def test_a_limit_of_ones_own(root, watch):
    """For one field; other fields may read the same file with another limit."""

    class Limited(Frozen):
        small: Annotated[WatchedFile | None, WatchedFileOptions(max_bytes=10)] = None
        files: Annotated[list[WatchedFile], WatchedFileOptions(max_bytes=20)] = Field([])

    (root / "x").write_text(15 * "x")
    (root / "config.toml").write_text("small = 'x'\nfiles = ['x']\n")
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(root / "config.toml", Limited).start()
    assert [(each.dotted, each.kind) for each in caught.value.problems] == [("small", "too_large")]
    (root / "config.toml").write_text("files = ['x']\n")
    watcher, _ = watch(root / "config.toml", Limited)
    assert watcher.config.files[0].size == 15


def test_a_config_may_be_smaller_than_the_files_that_it_names(root, watch):
    """`max_bytes` of the watcher is about configuration, also where young files are compared by their content."""
    watcher, seen = watch(root / "config.toml", App, max_bytes=200, reconcile_s=0.05)
    save(root / "certs/tls.crt", 5000 * "x")
    seen.ending()
    assert watcher.config.tls.cert.size == 5000
    save(root / "certs/tls.crt", 6000 * "x")
    seen.ending(2)
    assert watcher.config.tls.cert.size == 6000
    assert watcher.generation == 3


# What a relative path is relative to


class One(Frozen):
    file: WatchedFile
    hot_reload: HotReloadSettings = HotReloadSettings()


def file_of(path: Path | None, schema: Any = One, **options: Any) -> Path:
    """Where the file of a configuration was found."""
    watcher: HotReloadWatcher[Any] = HotReloadWatcher(path, schema, **options)
    try:
        watcher.start()
        found: Path = watcher.config.file.path
        assert watcher.config.file.text == found.parent.name
        return found
    finally:
        watcher.close()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three directories with a file that holds the name of its directory; the third is the working directory."""
    for name in ("etc", "more", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    (tmp_path / "etc/config.toml").write_text("")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_relative_to_the_main_file(places):
    """Wherever the program runs."""
    (places / "etc/config.toml").write_text("file = 'x'\n")
    assert file_of(places / "etc/config.toml") == places / "etc/x"


def test_relative_to_the_fragment_that_names_it(places):
    """Also in tables and arrays, and by an alias path."""

    class Deep(Frozen):
        file: WatchedFile = Field(validation_alias=AliasPath("deep", "files", 0))

    (places / "etc/config.toml").write_text("hot_reload.watch_paths = ['../more/f.yaml']\n")
    (places / "more/f.yaml").write_text("file: x\ndeep: {files: [x]}\n")
    assert file_of(places / "etc/config.toml") == places / "more/x"
    assert file_of(places / "etc/config.toml", Deep, watch_paths=["../more/f.yaml"]) == places / "more/x"


@pytest.mark.parametrize("layer", ["env", "dotenv", "flags", "mapping"])
def test_from_elsewhere_relative_to_the_working_directory_at_construction(places, monkeypatch, layer):
    """Wherever the program goes afterwards."""
    monkeypatch.setenv("APP_FILE", "x") if layer == "env" else None
    (places / "more/.env").write_text("APP_FILE=x\n")
    layers = {
        "env": Env("APP_"),
        "dotenv": DotEnv(places / "more/.env", "APP_"),
        "flags": Flags({"file": "x"}),
        "mapping": {"file": "x"},
    }
    watcher = HotReloadWatcher(places / "etc/config.toml", One, allow_empty=True, layers=[layers[layer]])
    monkeypatch.chdir(places / "more")
    with watcher:
        assert watcher.config.file.path == places / "here/x"


def test_a_variable_that_names_a_missing_file(places, monkeypatch):
    """The problem names the variable."""
    monkeypatch.setenv("APP_FILE", "absent")
    with pytest.raises(ConfigError, match=r"\$APP_FILE: file: The file does not exist: .*/here/absent"):
        HotReloadWatcher(places / "etc/config.toml", One, allow_empty=True, layers=[Env("APP_")]).start()


def test_without_a_main_file(places):
    """Relative to the working directory."""
    assert file_of(None, layers=[{"file": "x"}]) == places / "here/x"


def test_after_a_validator_relative_to_the_main_file(places):
    """What a validator makes of a text does not know which file that was in."""

    class Stripped(Frozen):
        file: Annotated[WatchedFile, BeforeValidator(lambda text: text.strip("<>"))]

    (places / "more/f.toml").write_text("file = '<x>'\n")
    assert file_of(places / "etc/config.toml", Stripped, watch_paths=["../more/f.toml"], allow_empty=True) == (
        places / "etc/x"
    )


def test_a_default_is_relative_to_the_main_file(places):
    """And watched, as any other."""

    class Default(Frozen):
        file: WatchedFile = Field(default="x", validate_default=True)

    with HotReloadWatcher(places / "etc/config.toml", Default, allow_empty=True, debounce_ms=WINDOW_MS) as watcher:
        assert watcher.config.file.path == places / "etc/x"
        save(places / "etc/x", "new")
        wait_until(lambda: watcher.generation == 2)


def test_home(places, monkeypatch):
    """`~` is expanded."""
    monkeypatch.setenv("HOME", str(places / "more"))
    (places / "etc/config.toml").write_text("file = '~/x'\n")
    assert file_of(places / "etc/config.toml") == places / "more/x"


# Models


class Listed(Frozen):
    many: list[WatchedFile] = Field([])
    named: dict[str, WatchedFile] = Field({})
    pair: tuple[WatchedFile, int] | None = None
    either: WatchedFile | Literal["auto"] = "auto"
    maybe: WatchedFile | None = None
    other: int | WatchedFile = 0
    aliased: WatchedFile | None = Field(None, validation_alias=AliasChoices("ca-file", "ca_file"))
    inner: One | None = None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("many = ['x', 'y']", ("many", 1)),
        ("named = {a = 'x', b = 'y'}", ("named", "b")),
        ("pair = ['y', 1]", ("pair", 0)),
        ("either = 'y'", ("either",)),
        ("maybe = 'y'", ("maybe",)),
        ("other = 'y'", ("other",)),
        ("ca_file = 'y'", ("ca-file",)),
        ("inner = {file = 'y'}", ("inner", "file")),
    ],
)
def test_wherever_a_model_has_one(places, watch, text, key):
    """Arrays, tables, unions, aliases and models inside: read relative to the fragment, watched, and of its place."""
    (places / "more/y").write_text("1")
    (places / "more/f.toml").write_text(f"{text}\n")
    watcher, seen = watch(places / "etc/config.toml", Listed, watch_paths=["../more/f.toml"], allow_empty=True)
    save(places / "more/y", "22")
    ending = seen.ending()
    assert isinstance(ending, ReloadSuccess)
    (change,) = ending.changes
    assert change.path == key[: len(change.path)]
    (places / "more/y").unlink()
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    failed = watcher.last
    assert isinstance(failed, ReloadFailed)
    assert failed.problems[0].path == key
    assert failed.problems[0].file == places / "more/f.toml"


def test_a_union_that_takes_another_member(places, watch):
    """No file of that name is needed."""
    (places / "etc/config.toml").write_text("either = 'auto'\n")
    watcher, _ = watch(places / "etc/config.toml", Listed)
    assert watcher.config.either == "auto"


def test_a_validator_sees_the_file(places):
    """And what it says of the content is a problem at the line that names the file."""

    class Checked(Frozen):
        file: WatchedFile

        @field_validator("file")
        @classmethod
        def _text(cls, file: WatchedFile) -> WatchedFile:
            if not file.text.startswith("-----BEGIN"):
                raise ValueError("no PEM file")
            return file

    (places / "etc/config.toml").write_text("file = 'x'\n")
    with pytest.raises(ConfigError, match=r"config\.toml:1:8: file: no PEM file"):
        HotReloadWatcher(places / "etc/config.toml", Checked).start()
    (places / "etc/x").write_bytes(b"-----BEGIN\n\xff")
    with pytest.raises(ConfigError, match=r"config\.toml:1:8: file: x is not UTF-8: invalid byte at line 2"):
        HotReloadWatcher(places / "etc/config.toml", Checked).start()


def test_a_number_is_no_path(places):
    """As for any text."""
    (places / "etc/config.toml").write_text("file = 1\n")
    with pytest.raises(ConfigError, match="Type mismatch: file expected string, got integer"):
        HotReloadWatcher(places / "etc/config.toml", One).start()


def test_the_main_file_itself_and_a_watched_one_may_be_named(places, watch):
    """A file may have two parts to play."""

    class Both(Frozen):
        me: WatchedFile
        too: WatchedFile
        hot_reload: HotReloadSettings = HotReloadSettings()

    text = "me = 'config.toml'\ntoo = 'x'\nhot_reload.watch_paths = ['x']\n"
    (places / "etc/config.toml").write_text(text)
    watcher, seen = watch(places / "etc/config.toml", Both)
    assert (watcher.config.me.text, watcher.config.too.text) == (text, "etc")
    save(places / "etc/x", "new")
    seen.ending()
    assert watcher.config.too.text == "new"
    save(places / "etc/config.toml", text + "# more\n")
    seen.ending(2)
    assert watcher.config.me.text == text + "# more\n"
    assert watcher.generation == 3


@pytest.mark.parametrize("settings", [False, True], ids=["BaseModel", "BaseSettings"])
def test_settings_classes(places, watch, monkeypatch, settings):
    """Their variables name files, too."""
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class Settings(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_", frozen=True)

        file: WatchedFile
        default: WatchedFile = Field(default="x", validate_default=True)

    class Around(Frozen):
        inner: Settings = Field(default_factory=Settings)

    monkeypatch.setenv("APP_FILE", "x")
    watcher, seen = watch(places / "etc/config.toml", Settings if settings else Around, allow_empty=True)
    found = watcher.config if settings else watcher.config.inner
    assert (found.file.path, found.default.path) == (places / "here/x", places / "etc/x")
    save(places / "here/x", "new")
    seen.ending()
    assert watcher.generation == 2


# Defaults that nobody would read


class Root(RootModel[WatchedFile]):
    """A file under another name."""


def fails() -> WatchedFile:
    """For a default."""
    raise FileNotFoundError


def test_a_default_that_is_not_validated_is_refused(places):
    """Nobody would read it."""

    class Unread(Frozen):
        file: WatchedFile = Field(default="x")  # type: ignore[assignment]

    class Around(Frozen):
        inner: list[Unread] = Field([])

    class Items(Frozen):
        files: dict[str, WatchedFile | None] = Field({"a": Path("x")})  # type: ignore[arg-type]

    class Factory(Frozen):
        file: WatchedFile = Field(default_factory=lambda: "x")  # type: ignore[arg-type, return-value]

    @dataclass(frozen=True)
    class Plain:
        file: WatchedFile

    class InDataclass(Frozen):
        plain: Plain = Plain("x")  # type: ignore[arg-type]

    class MadeDataclass(Frozen):
        plain: list[Plain] = Field(default_factory=lambda: [Plain("x")])  # type: ignore[arg-type]

    class InRoot(Frozen):
        root: Root = Root.model_construct("x")  # type: ignore[arg-type]

    for schema, key in (
        (Unread, "file"),
        (Around, r"inner\.\"\*\"\.file"),
        (Items, "files"),
        (Factory, "file"),
        (InDataclass, "plain"),
        (MadeDataclass, "plain"),
        (InRoot, "root"),
    ):
        with pytest.raises(UsageError, match=rf"^{key}: the default is a path.*validate_default=True"):
            HotReloadWatcher(places / "etc/config.toml", schema)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Annotated[int, WatchedFileOptions()], "is for fields of the type WatchedFile"),
        (Annotated[WatchedFile, WatchedFileOptions], r"write WatchedFileOptions\(keep=True\)"),
    ],
)
def test_options_that_say_nothing(annotation, text):
    """The model is not made."""
    with pytest.raises(UsageError, match=text):
        create_model("Config", file=(annotation, ...))


def test_a_default_of_a_model_that_is_built_later(places):
    """It is found at the start."""

    class Later(Frozen, defer_build=True):
        file: WatchedFile = Field(default="x")  # type: ignore[assignment]

    watcher = HotReloadWatcher(places / "etc/config.toml", Later)
    with pytest.raises(UsageError, match=r"^file: the default is a path"):
        watcher.start()


def test_a_default_that_was_read_already_is_refused(places):
    """It would never change."""

    class Stale(Frozen):
        inner: One = One(file=places / "etc/x")  # type: ignore[arg-type]

    class StaleRoot(Frozen):
        root: list[Root] = Field([Root(places / "etc/x")])  # type: ignore[arg-type]

    for schema, key in ((Stale, "inner"), (StaleRoot, "root")):
        with pytest.raises(UsageError, match=rf"^{key}: the default holds a file that was read when it was made"):
            HotReloadWatcher(places / "etc/config.toml", schema)


def test_other_defaults_are_fine(places, watch):
    """None, the text of another member, bytes of a test, a factory, and defaults that are validated by the model."""

    class Fine(BaseModel, validate_default=True, frozen=True):
        none: WatchedFile | None = None
        auto: WatchedFile | Literal["auto"] = "auto"
        text: str | WatchedFile = "x"
        test: WatchedFile = WatchedFile.of(b"x")
        made: One = Field(default_factory=lambda: One(file="x"))  # type: ignore[arg-type]
        given: WatchedFile | None = Field(default_factory=lambda data: data["test"], validate_default=False)
        path: WatchedFile = Path("x")  # type: ignore[assignment]

    class Fails(Frozen):
        file: WatchedFile = Field(default_factory=fails)

    HotReloadWatcher(places / "etc/config.toml", Fails)  # it is needed only if the file has none
    watcher, seen = watch(places / "etc/config.toml", Fine, allow_empty=True)
    assert watcher.config.text == "x"
    assert watcher.config.made.file.path == places / "etc/x" == watcher.config.path.path
    save(places / "etc/x", "new")
    seen.ending()
    assert watcher.config.made.file.text == "new"


# States that are kept


class Kept(Frozen):
    cert: WatchedFile
    prompt: Annotated[WatchedFile, WatchedFileOptions(keep=True)]


def test_only_what_is_to_be_kept_is_kept(tmp_path, watch):
    """A start on the last good state has the bytes of then of one file, and those of now of the other."""
    (tmp_path / "cert").write_text("CERT-OLD")
    (tmp_path / "prompt").write_text("PROMPT-OLD")
    main = tmp_path / "config.toml"
    main.write_text("cert = 'cert'\nprompt = 'prompt'\n")
    states = tmp_path / "states"
    with HotReloadWatcher(main, Kept, state_dir=states):
        pass
    kept = b"".join(path.read_bytes() for path in states.rglob("*.state"))
    assert b"PROMPT-OLD" in kept
    assert b"CERT-OLD" not in kept
    (tmp_path / "cert").write_text("CERT-NEW")
    (tmp_path / "prompt").write_text("PROMPT-NEW")
    main.write_text("broken")
    watcher, _ = watch(main, Kept, state_dir=states)
    assert watcher.stats.degraded
    assert (watcher.config.cert.text, watcher.config.prompt.text) == ("CERT-NEW", "PROMPT-OLD")
    save(main, "cert = 'cert'\nprompt = 'prompt'\n")
    wait_until(lambda: watcher.generation == 2)
    assert watcher.config.prompt.text == "PROMPT-NEW"


def test_a_kept_state_whose_file_is_gone_is_not_good(tmp_path):
    """Unless its bytes were kept."""
    (tmp_path / "cert").write_text("CERT")
    (tmp_path / "prompt").write_text("PROMPT")
    main = tmp_path / "config.toml"
    main.write_text("cert = 'cert'\nprompt = 'prompt'\n")
    with HotReloadWatcher(main, Kept, state_dir=tmp_path / "states"):
        pass
    main.write_text("broken")
    (tmp_path / "prompt").unlink()
    with HotReloadWatcher(main, Kept, state_dir=tmp_path / "states") as watcher:
        assert watcher.config.prompt.text == "PROMPT"
    (tmp_path / "cert").unlink()
    with pytest.raises(ConfigError):
        HotReloadWatcher(main, Kept, state_dir=tmp_path / "states").start()


# Secrets


def test_no_content_and_no_digest_is_shown(tmp_path, watch, caplog):
    """Not in the configuration's repr, nor in events and logs; what a validator quotes of a private key is masked."""

    class Secretive(Frozen):
        cert: WatchedFile
        signing_key: WatchedFile
        limit: int = 0

        @field_validator("limit")
        @classmethod
        def _quoting(cls, limit: int, info: Any) -> int:
            if limit:
                raise ValueError(f"bad: {info.data['signing_key'].text} {info.data['cert'].text}")
            return limit

    (tmp_path / "a.pem").write_text("-----BEGIN PRIVATE KEY-----\nMIIEvQhiddenhidden\n-----END PRIVATE KEY-----\n")
    (tmp_path / "b.pem").write_text("signing-hidden-content")
    main = tmp_path / "config.toml"
    main.write_text("cert = 'a.pem'\nsigning_key = 'b.pem'\n")
    watcher, seen = watch(main, Secretive)
    save(tmp_path / "b.pem", "signing-hidden-content-2")
    seen.ending()
    save(main, "cert = 'a.pem'\nsigning_key = 'b.pem'\nlimit = 1\n")
    seen.ending(2)
    assert isinstance(watcher.last, ReloadFailed)
    assert "a.pem (" in str(watcher.config.cert)
    shown = f"{seen.events!r} {watcher.config!r} {watcher.config} {watcher.snapshot!r} {caplog.text}"
    assert "hidden" not in shown


def test_a_missing_file_under_a_secret_key_is_still_said_to_be_missing(tmp_path):
    """By key and line; its path is masked, as any value there."""

    class Pair(Frozen):
        key: WatchedFile

    main = tmp_path / "tls.toml"
    main.write_text("key = 'tls.key'\n")
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(main, Pair).start()
    assert str(caught.value) == "tls.toml:1:7: key: The file does not exist"


def test_it_is_read_only_by_its_owner_while_it_is_a_file(root, watch):
    """This generation's bytes, whatever becomes of the file itself."""
    watcher, _ = watch(root / "config.toml", App)
    with watcher.config.tls.cert.as_file() as path:
        (root / "certs/tls.crt").unlink()
        assert (path.name, path.read_bytes()) == ("tls.crt", b"CERT 1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()


# At any time


def test_drift(root, watch):
    """With hot reload off nothing is watched; a file that differs is drift, and the next load has it."""
    (root / "config.toml").write_text(MAIN + "[hot_reload]\nenabled = false\n")
    watcher, _ = watch(root / "config.toml", App)
    assert not watcher.has_drift()
    save(root / "certs/tls.crt", "CERT 2")
    assert watcher.has_drift()
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert not watcher.has_drift()
    assert watcher.config.tls.cert.data == b"CERT 2"


def test_while_busy(root, watch):
    """A change is deferred, and what is published at release is the latest."""
    watcher, seen = watch(root / "config.toml", App)
    with watcher.busy("work"):
        save(root / "certs/tls.crt", "CERT 2")
        seen.ending()
        assert watcher.pending is not None
        assert watcher.config.tls.cert.data == b"CERT 1"
    wait_until(lambda: watcher.generation == 2)
    assert watcher.config.tls.cert.data == b"CERT 2"


def test_after_a_failure_of_the_configuration_the_files_are_still_watched(root, watch):
    """A file that changes while the configuration is broken is not missed."""
    watcher, seen = watch(root / "config.toml", App)
    save(root / "config.toml", "[tls")
    seen.ending()
    save(root / "certs/tls.crt", "CERT 2")
    seen.ending(2)
    save(root / "config.toml", MAIN)
    wait_until(lambda: watcher.generation == 2)
    assert watcher.config.tls.cert.data == b"CERT 2"


def test_a_broken_save_and_back_is_unchanged(root, watch):
    """Also if the broken one named other files: what was published decides."""
    watcher, seen = watch(root / "config.toml", App)
    save(root / "config.toml", MAIN.replace("tls.crt", "absent"))
    seen.ending()
    save(root / "config.toml", MAIN)
    assert isinstance(seen.ending(2), ReloadUnchanged)
    save(root / "certs/tls.crt", "CERT 2")
    seen.ending(3)
    assert watcher.config.tls.cert.data == b"CERT 2"


def test_a_forked_child_follows(root, watch):
    """With its own watches."""
    watcher, _ = watch(root / "config.toml", App)
    child = os.fork()
    if not child:
        code = 1
        try:
            save(root / "certs/tls.crt", "CERT 2")
            wait_until(lambda: watcher.config.tls.cert.data == b"CERT 2")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wait_until(lambda: watcher.config.tls.cert.data == b"CERT 2")


def test_many_files(tmp_path, watch):
    """Hundreds in one list: only the one that changed is read again."""

    class Many(Frozen):
        files: list[WatchedFile]

    names = [f"{number}.txt" for number in range(300)]
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "config.toml").write_text(f"files = {names!r}\n")
    watcher, seen = watch(tmp_path / "config.toml", Many)
    before = watcher.config.files
    save(tmp_path / "7.txt", "new")
    seen.ending()
    after = watcher.config.files
    assert after[7].text == "new"
    assert all(one.data is two.data for place, (one, two) in enumerate(zip(before, after, strict=True)) if place != 7)


def test_an_override(root, watch, monkeypatch):
    """By bytes of a test, or by a path relative to the working directory, which is watched; afterwards as before."""
    monkeypatch.chdir(root / "certs")
    (root / "certs/other").write_text("OTHER 1")
    watcher, _ = watch(root / "config.toml", App)
    with watcher.override({"tls.cert": WatchedFile.of(b"TEST")}):
        assert watcher.config.tls.cert.data == b"TEST"
        with watcher.override({"tls.cert": "other"}):
            assert watcher.config.tls.cert.data == b"OTHER 1"
            save(root / "certs/other", "OTHER 2")
            wait_until(lambda: watcher.config.tls.cert.data == b"OTHER 2")
        assert watcher.config.tls.cert.data == b"TEST"
        save(root / "certs/tls.crt", "CERT 2")
        save(root / "certs/chain.pem", "CHAIN 2")
        wait_until(lambda: watcher.config.tls.chain.data == b"CHAIN 2")
        assert watcher.config.tls.cert.data == b"TEST"
    wait_until(lambda: watcher.config.tls.cert.data == b"CERT 2")
    save(root / "certs/tls.crt", "CERT 3")
    wait_until(lambda: watcher.config.tls.cert.data == b"CERT 3")
    with (
        pytest.raises(ConfigError, match=r"tls\.cert: The file does not exist"),
        watcher.override({"tls.cert": "no"}),
    ):
        pass
    assert watcher.config.tls.cert.data == b"CERT 3"


def test_eager(root, watch):
    """A file that is renamed into place needs no window."""
    watcher, seen = watch(root / "config.toml", App, settings=HotReloadSettings(debounce_ms=60_000, mode="eager"))
    save(root / "certs/tls.crt", "CERT 2")
    seen.ending()
    assert watcher.config.tls.cert.data == b"CERT 2"


@pytest.mark.parametrize("order", ["file first", "mark first"])
def test_a_file_whose_change_needs_a_restart(root, watch, order):
    """Other bytes, and another path, wait for a restart; what goes back to the start waits no longer."""
    kind: Any = Annotated[WatchedFile, RestartRequired()]
    if order == "mark first":
        kind = Annotated[kind, WatchedFileOptions(max_bytes=100)]

    class Kept(Frozen):
        cert: kind
        n: int = 0

    main = root / "config.toml"
    save(main, "cert = 'certs/tls.crt'\n")
    watcher, _ = watch(main, Kept)
    save(root / "certs/tls.crt", "CERT 22")
    wait_until(lambda: watcher.pending_restart)
    assert [change.dotted for change in watcher.pending_restart] == ["cert"]
    assert watcher.config.cert.data == b"CERT 1"
    save(main, "cert = 'certs/chain.pem'\nn = 1\n")
    wait_until(lambda: watcher.config.n == 1)
    assert (watcher.config.cert.data, watcher.config.cert.path.name) == (b"CERT 1", "tls.crt")
    save(root / "certs/tls.crt", "CERT 1")
    save(main, "cert = 'certs/tls.crt'\nn = 2\n")
    wait_until(lambda: watcher.config.n == 2 and not watcher.pending_restart)
    assert watcher.config.cert.data == b"CERT 1"
