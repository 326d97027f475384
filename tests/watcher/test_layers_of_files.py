"""`.env` files and secrets directories over the files of a running watcher."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict, YamlConfigSettingsSource

from hotconf import (
    ConfigError,
    DotEnv,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    SecretsDir,
)
from torture.extent import examples
from waiting import wait_until
from watcher.watched import port, save

SECRET = "hunter2-of-the-directory"


class Server(BaseModel, frozen=True):
    host: str = "localhost"
    port: int = 8000


class App(BaseModel, frozen=True):
    server: Server = Server()
    password: SecretStr = SecretStr("")
    dsn: str = ""
    hot_reload: HotReloadSettings = HotReloadSettings()


class OfClass(BaseSettings):
    """The same sources, declared by a class."""

    model_config = SettingsConfigDict(
        env_file="class/.env", secrets_dir="class", yaml_file="class/dsn.yaml", frozen=True, extra="ignore"
    )

    dsn: str = "weak"
    hot_reload: HotReloadSettings = HotReloadSettings()

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, **sources: Any) -> Any:
        """Its own file, too."""
        return *sources.values(), YamlConfigSettingsSource(settings_cls)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """None of the variables of this process, in an empty working directory."""
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """An empty directory."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    return directory


def hints(problems: Any) -> list[str]:
    """One a line, with what to do."""
    return [problem.with_hint for problem in problems]


# Changes


def test_a_dotenv_file_is_followed(path, watch, tmp_path):
    """It may come later; origins name its lines."""
    watcher, _ = watch(path, App, layers=[DotEnv(".env", "APP_")])
    assert hints(watcher.warnings) == [".env: The file does not exist (it is read as soon as it appears)"]
    dotenv = tmp_path / ".env"
    save(dotenv, "# ports\n\nexport APP_SERVER__PORT='9000'\n")
    wait_until(lambda: watcher.config.server.port == 9000)
    origin = watcher.snapshot.origin("server.port")
    assert (origin.layer, origin.where, origin.file, origin.line) == (".env", ".env:3", dotenv, 3)
    assert not watcher.warnings
    save(dotenv, "APP_SERVER__PORT=9001\n")
    wait_until(lambda: watcher.config.server.port == 9001)
    assert dotenv in watcher.watching


def test_a_secrets_directory_is_followed(path, watch, secrets):
    """A file may come, change and go; a trailing newline is no part of the secret."""
    watcher, _ = watch(path, App, layers=[SecretsDir(secrets)])
    save(secrets / "password", f"{SECRET}\n")
    wait_until(lambda: watcher.config.password.get_secret_value() == SECRET)
    assert watcher.snapshot.origin("password").where == str(secrets / "password")
    save(secrets / "server__port", "9000")
    wait_until(lambda: watcher.config.server.port == 9000)
    (secrets / "server__port").unlink()
    wait_until(lambda: watcher.config.server.port == 8000)
    assert "The file is gone, and so is what it set" in str(watcher.warnings)


class Db(BaseModel, frozen=True):
    password: SecretStr = SecretStr("")
    port: int = 5432


class WithDb(BaseModel, frozen=True):
    db: Db = Db()
    port: int = 8000


def test_keys_of_a_secret_table_are_no_secrets(path, watch, secrets):
    """A file of the directory may hold a table: problems name its fields, and none of its values."""
    text = f'{{"password":"{SECRET}","port":5,"password":"{SECRET}-2"}}'
    (secrets / "db").write_text(f"{text}\n")
    path.write_text("port = 7\n")
    watcher, _ = watch(path, WithDb, layers=[SecretsDir(secrets)])
    path.write_text('port = "x"\n')
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert [problem.path for problem in ending.problems] == [("port",)]
    assert watcher.scrub("db.port: {} is 'port', x") == "db.port: {} is 'port', x"
    (secrets / "db").write_text(text.replace(":5", f':"{SECRET}"'))
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert ("db", "port") in [problem.path for problem in ending.problems]
    for quoted in (SECRET, f"{SECRET}-2"):
        assert quoted not in f"{ending!r} {watcher.scrub(quoted)}"


def test_the_directory_may_come_later(path, watch, tmp_path):
    """Until then it is a warning."""
    watcher, _ = watch(path, App, layers=[SecretsDir("later")])
    assert hints(watcher.warnings) == [
        "later: The directory does not exist (its files are read as soon as it appears)"
    ]
    (tmp_path / "later").mkdir()
    save(tmp_path / "later" / "dsn", "x")
    wait_until(lambda: watcher.config.dsn == "x")
    assert not watcher.warnings


def swap(directory: Path, number: int, **files: str) -> None:
    """Replace all secrets at once, as Kubernetes does: by one rename of the link `..data`."""
    data = directory / f"..{number:05}"
    data.mkdir()
    for name, text in files.items():
        (data / name).write_text(text)
    (directory / "..new").symlink_to(data.name)
    (directory / "..new").rename(directory / "..data")
    for name in files:
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")


def test_what_kubernetes_swaps_is_followed(path, watch, secrets):
    """Through the link `..data`, which is no secret itself."""
    swap(secrets, 1, password="one", dsn="one")
    watcher, _ = watch(path, App, layers=[SecretsDir(secrets)])
    assert (watcher.config.dsn, watcher.config.password.get_secret_value()) == ("one", "one")
    swap(secrets, 2, password="two", dsn="two")
    wait_until(lambda: watcher.config.dsn == "two")
    assert watcher.config.password.get_secret_value() == "two"
    assert not watcher.warnings


class Many(BaseModel, frozen=True):
    """A number from each place."""

    main: int
    f1: int
    f2: int
    f3: int
    f4: int
    dotenv: int
    secret: int
    other: int
    hot_reload: HotReloadSettings = HotReloadSettings()


def release(volume: Path, number: int) -> None:
    """Swap all files of a volume at once: main file, four fragments, `.env`, and a directory of secrets."""
    data = volume / f"..{number:05}"
    (data / "secrets").mkdir(parents=True)
    fragments = ", ".join(f"'f{each}.toml'" for each in range(1, 5))
    (data / "config.toml").write_text(f"main = {number}\n[hot_reload]\nwatch_paths = [{fragments}]\n")
    for each in range(1, 5):
        (data / f"f{each}.toml").write_text(f"f{each} = {number}\n")
    (data / ".env").write_text(f"APP_DOTENV={number}\n")
    for name in ("secret", "other"):
        (data / "secrets" / name).write_text(f"{number}\n")
    (volume / "..new").symlink_to(data.name)
    (volume / "..new").rename(volume / "..data")
    for name in ("config.toml", "f1.toml", "f2.toml", "f3.toml", "f4.toml", ".env", "secrets"):
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")


def test_no_reader_sees_half_of_a_change(tmp_path):
    """Five files, `.env` and a secrets directory under four readers: each state is one that was there at one time."""
    volume = tmp_path / "volume"
    volume.mkdir()
    release(volume, 0)
    torn: list[Many] = []
    seen: set[int] = set()
    reads = [0, 0, 0, 0]
    done = threading.Event()

    def read(watcher: HotReloadWatcher[Many], number: int) -> None:
        while not done.is_set():
            config = watcher.config
            reads[number] += 1
            seen.add(config.main)
            if len(set(config.model_dump(exclude={"hot_reload"}).values())) != 1:
                torn.append(config)

    layers = [SecretsDir(volume / "secrets"), DotEnv(volume / ".env", "APP_")]
    with HotReloadWatcher(volume / "config.toml", Many, debounce_ms=100, layers=layers) as watcher:
        readers = [threading.Thread(target=read, args=(watcher, each), daemon=True) for each in range(4)]
        for reader in readers:
            reader.start()
        rounds = examples(2000, 300)
        writer = threading.Thread(target=lambda: [release(volume, each) for each in range(1, rounds + 1)])
        writer.start()
        while writer.is_alive():
            watcher.reload()
        writer.join()
        wait_until(lambda: watcher.config.main == rounds and sum(reads) > 10_000)
        done.set()
        for reader in readers:
            reader.join()
    assert not torn
    assert len(seen) > 3


# What is gone, or wrong


def test_a_dotenv_file_that_is_gone_is_missed(path, watch, tmp_path):
    """Nothing that it set silently becomes a default."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("APP_SERVER__PORT=9000\n")
    watcher, seen = watch(path, App, layers=[DotEnv(dotenv, "APP_")])
    dotenv.unlink()
    ending = seen.ending()
    assert isinstance(ending, ReloadFailed)
    assert hints(ending.problems) == [".env: The file is gone (restore it, or start without it)"]
    assert watcher.config.server.port == 9000
    dotenv.write_text("APP_SERVER__PORT=9001\n")
    wait_until(lambda: watcher.config.server.port == 9001)


def test_a_directory_that_loses_all_its_secrets_is_missed(path, watch, secrets):
    """As after an unmount."""
    (secrets / "dsn").write_text("x")
    (secrets / "password").write_text("y")
    watcher, _ = watch(path, App, layers=[SecretsDir(secrets)])
    (secrets / "dsn").rename(secrets / ".dsn")
    (secrets / "password").rename(secrets / ".password")
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    text = "secrets: Nothing is left of the directory, which had dsn, password (restore it, or start without it)"
    assert hints(watcher.last.problems) == [text]
    assert watcher.config.dsn == "x"


LAYERS_OF = {
    ".env": (App, lambda: [DotEnv(".env", "APP_")]),
    "secrets/dsn": (App, lambda: [SecretsDir("secrets")]),
    "class/.env": (OfClass, list),
    "class/dsn": (OfClass, list),
    "class/dsn.yaml": (OfClass, list),
}
"""A file that sets `dsn`, its model, and the layers over it."""


def dsn(name: str, value: str) -> str:
    """What the file says of that name, to set `dsn`."""
    begin = {".env": "APP_DSN=", "class/.env": "DSN=", "class/dsn.yaml": "dsn: "}
    return begin.get(name, "") + value


@pytest.mark.parametrize("nothing", ["", " \n", "\ufeff\n"])
@pytest.mark.parametrize("name", LAYERS_OF)
def test_an_emptied_file_never_replaces_the_configuration(path, watch, secrets, name, nothing):
    """No weaker value, and no empty secret, takes the place of what it said; the next good save does."""
    path.write_text("# nothing\n" if name.startswith("class") else 'dsn = "weak"\n')
    model, layers = LAYERS_OF[name]
    file = path.parent / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(dsn(name, "strong"))
    watcher, seen = watch(path, model, layers=layers())
    file.write_text(nothing)
    for ending in (seen.ending(), watcher.reload()):
        assert isinstance(ending, ReloadFailed)
        (problem,) = (each for each in ending.problems if each.severity == "error")
        assert (problem.kind, problem.file) == ("empty", file)
        assert problem.with_hint.endswith(": File is empty (write to it; allow_empty=True lets it be empty)")
        assert watcher.config.dsn == "strong"
    file.write_text(dsn(name, "new"))
    wait_until(lambda: watcher.config.dsn == "new")


@pytest.mark.parametrize("name", LAYERS_OF)
def test_a_file_that_is_empty_at_the_start(path, watch, secrets, name):
    """A secret without a value is refused; what only names no value is a warning. Both may be allowed."""
    path.write_text("# nothing\n" if name.startswith("class") else 'dsn = "weak"\n')
    model, layers = LAYERS_OF[name]
    file = path.parent / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    if file.name == "dsn":
        with pytest.raises(ConfigError, match="File is empty"):
            watch(path, model, layers=layers())
    else:
        watcher, _ = watch(path, model, layers=layers())
        (warning,) = (each for each in watcher.warnings if each.kind == "empty")
        assert warning.file == file
        assert watcher.config.dsn == "weak"
    watcher, _ = watch(path, model, layers=layers(), allow_empty=True)
    assert watcher.config.dsn == ("" if file.name == "dsn" else "weak")
    assert not [each for each in watcher.warnings if each.kind == "empty"]


def test_a_secret_that_is_written_in_two_acts(path, watch, secrets):
    """The first one empties it: what is published is the whole."""
    (secrets / "dsn").write_text("old")
    watcher, seen = watch(path, App, layers=[SecretsDir("secrets")], debounce_ms=3000)
    (secrets / "dsn").write_text("")
    wait_until(lambda: watcher.shrank == (secrets / "dsn",))
    with (secrets / "dsn").open("a") as file:
        file.write("new")
    assert isinstance(seen.ending(), ReloadSuccess)
    assert watcher.config.dsn == "new"


def test_a_dotenv_file_that_need_not_be_there(path, watch, tmp_path):
    """Then its absence is no warning; once it was there, its loss is an error as ever."""
    watcher, seen = watch(path, App, layers=[DotEnv(".env", "APP_", required=False)])
    assert not watcher.warnings
    save(tmp_path / ".env", "APP_DSN=x\n")
    wait_until(lambda: watcher.config.dsn == "x")
    (tmp_path / ".env").unlink()
    assert hints(seen.ending(2).problems) == [".env: The file is gone (restore it, or start without it)"]


class Needed(BaseModel, frozen=True):
    """What is set in no file."""

    model_config = {"extra": "ignore"}

    db: dict[str, Server] = {}
    server: Server
    api_token: SecretStr
    name: str


SECRETS, DOTENV, ENV = partial(SecretsDir, "secrets"), partial(DotEnv, ".env", "App_"), partial(Env, "App_")


@pytest.mark.parametrize(
    ("layers", "token", "name"),
    [
        ([], "", ""),
        ([SECRETS], "(write secrets/api_token)", ""),
        ([DOTENV], "(write APP_API_TOKEN into .env)", "(write APP_NAME into .env)"),
        ([ENV], "(set $APP_API_TOKEN)", "(set $APP_NAME)"),
        (
            [SECRETS, DOTENV, ENV],
            "(set $APP_API_TOKEN, or write secrets/api_token)",
            "(set $APP_NAME, or write APP_NAME into .env)",
        ),
        ([partial(ENV, case_sensitive=True)], "(set $App_api_token)", "(set $App_name)"),
    ],
)
def test_a_missing_field_says_how_layers_can_set_it(path, watch, secrets, tmp_path, layers, token, name):
    """What it says is read, indeed."""
    (tmp_path / ".env").write_text("# nothing\n")
    path.write_text("[server]\n")
    with pytest.raises(ConfigError) as raised:
        watch(path, Needed, layers=[make() for make in layers])
    assert [each.with_hint for each in raised.value.problems] == [
        f"config.toml: Missing required field: api_token {token}".rstrip(),
        f"config.toml: Missing required field: name {name}".rstrip(),
    ]


def test_a_secret_that_cannot_be_read_is_the_only_problem(path, watch, secrets):
    """Not what is missing without it."""
    path.write_text("name = 'x'\n[server]\n")
    (secrets / "api_token").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as raised:
        watch(path, Needed, layers=[SECRETS()])
    assert [each.message for each in raised.value.problems] == ["File is not UTF-8"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MYAP_SERVER__PORT", "MYAPP_SERVER__PORT"),
        ("MYAPPP_SERVER__PORT", "MYAPP_SERVER__PORT"),
        ("myap_dsn", "MYAPP_dsn"),
        ("YMAPP_DSN", "MYAPP_DSN"),
        ("SERVER__PORT", "MYAPP_SERVER__PORT"),
        ("DSN", None),
        ("OTHER_DSN", None),
        ("MYAPP2_DSN", None),
        ("MYAP_OTHER", None),
        ("MYAP_", None),
        ("_", None),
    ],
)
def test_a_misspelt_prefix_is_a_warning(path, watch, tmp_path, name, meant):
    """Where the rest is the name of a field; other programs' variables are none of our business."""
    (tmp_path / ".env").write_text(f"{name}=1\n")
    watcher, _ = watch(path, App, layers=[DotEnv(".env", "MYAPP_")])
    text = f".env:1: {name} is not read: it does not begin with MYAPP_ (did you mean {meant}?)"
    assert hints(watcher.warnings) == ([text] if meant else [])


def fifo(path: Path) -> None:
    """A named pipe, which nobody writes to."""
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda file: file.write_bytes(b"a=1\nb=\xff\n"), "encoding", "File is not UTF-8"),
        (lambda file: file.write_bytes(b"#" * 5000), "too_large", "The file is larger than 4000 bytes"),
        (fifo, "unreadable", "Cannot read the file: it is a named pipe"),
        (lambda file: file.symlink_to(file.name), "unreadable", "Cannot read the file: its links lead in a circle"),
    ],
)
@pytest.mark.parametrize("name", [".env", "secrets/dsn"])
def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(
    path: Path, watch: Any, secrets: Path, name: str, make: Callable[[Path], object], kind: str, text: str
) -> None:
    """At the start, and while running: the old configuration stays."""
    file = path.parent / name
    file.write_text("APP_DSN=x\n" if name == ".env" else "x")
    layers = [SecretsDir("secrets"), DotEnv(".env", "APP_")]
    watcher, _ = watch(path, App, layers=layers, max_bytes=4000)
    beside = path.parent / "beside"
    make(beside)
    if kind == "unreadable" and "circle" in text:
        beside.unlink()
        file.unlink()
        make(file)
    else:
        beside.replace(file)
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    (problem,) = (each for each in watcher.last.problems if each.severity == "error")
    assert (problem.kind, problem.file) == (kind, file)
    assert problem.message.startswith(text)
    assert watcher.config.dsn == "x"
    with pytest.raises(ConfigError):
        watch(path, App, layers=[SecretsDir("secrets"), DotEnv(".env", "APP_")], max_bytes=4000)


def test_a_dotenv_path_that_is_a_directory_is_refused(path, watch, tmp_path):
    """It says so."""
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError) as raised:
        watch(path, App, layers=[DotEnv()])
    assert str(raised.value) == ".env: Cannot read the file: it is a directory"


def test_broken_values_name_the_place(path, watch, tmp_path, secrets):
    """Of the text of a secret nothing is shown."""
    (tmp_path / ".env").write_text("APP_SERVER__PORT=many\n")
    (secrets / "server").write_text(SECRET)
    with pytest.raises(ConfigError) as raised:
        watch(path, App, layers=[SecretsDir("secrets"), DotEnv(".env", "APP_")])
    how = '(write it as JSON: {"host": …}, or set each key: server__host)'
    assert str(raised.value).split("\n") == [
        f"secrets/server: Type mismatch: server expected table, got string {how}",
        '.env:1: Type mismatch: server.port expected integer, got "many"',
    ]


def test_what_is_no_variable_is_a_warning(path, watch, tmp_path):
    """python-dotenv passes over it; a misspelt name, too."""
    (tmp_path / ".env").write_text("APP_DSN=a\nAPP DSN\nAPP_DNS=b\nAPP_X\nOTHER=1\n")
    watcher, _ = watch(path, App, layers=[DotEnv(".env", "APP_")])
    assert hints(watcher.warnings) == [
        ".env:2: Not a variable: the line is ignored (write NAME=value)",
        ".env:3: Unknown key: dns (did you mean APP_DSN?)",
        ".env:4: Not a variable: the line is ignored (write NAME=value)",
    ]
    assert {(each.file, each.line) for each in watcher.warnings} == {(tmp_path / ".env", n) for n in (2, 3, 4)}


def test_a_misspelt_secret_is_a_warning(path, watch, secrets):
    """Those of other programs are none."""
    (secrets / "pasword").write_text("x")
    (secrets / "tls.crt").write_text("x")
    watcher, _ = watch(path, App, layers=[SecretsDir("secrets")])
    assert hints(watcher.warnings) == ["secrets/pasword: Unknown key: pasword (did you mean password?)"]


def test_a_new_warning_is_noticed_though_no_value_differs(path, watch, tmp_path):
    """It comes with ReloadUnchanged."""
    (tmp_path / ".env").write_text("APP_DSN=a\n")
    watcher, seen = watch(path, App, layers=[DotEnv(".env", "APP_")])
    save(tmp_path / ".env", "APP_DSN=a\nAPP_DNS=b\n")
    assert isinstance(seen.ending(), ReloadUnchanged)
    assert hints(watcher.warnings) == [".env:2: Unknown key: dns (did you mean APP_DSN?)"]


def test_an_old_variable_that_hides_a_new_value_is_a_warning(path, watch, tmp_path, environment):
    """As `load_dotenv()` leaves it in the environment."""
    (tmp_path / ".env").write_text("APP_SERVER__PORT=9000\n")
    environment.setenv("APP_SERVER__PORT", "9000")
    watcher, _ = watch(path, App, layers=[DotEnv(".env", "APP_"), Env("APP_")])
    assert not watcher.warnings
    save(tmp_path / ".env", "APP_SERVER__PORT=9001\n")
    wait_until(lambda: bool(watcher.warnings))
    (warning,) = watcher.warnings
    assert str(warning) == (
        ".env:1: server.port is hidden by $APP_SERVER__PORT, which has the value that .env had before"
    )
    environment.setenv("APP_SERVER__PORT", "9002")
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert not watcher.warnings


# Secrets


def test_what_a_secrets_directory_holds_is_in_no_output(path, watch, secrets, caplog):
    """Whatever the name of the key, and however it is wrong."""
    (secrets / "dsn").write_text(SECRET)
    watcher, seen = watch(path, App, layers=[SecretsDir("secrets")])
    save(secrets / "dsn", f"{SECRET}-new")
    wait_until(lambda: watcher.config.dsn == f"{SECRET}-new")
    (secrets / "dsn").unlink()
    (secrets / "server__port").write_text(f"{SECRET}-port")
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    for said in (caplog.text, repr(seen.events), repr(watcher.snapshot), repr(SecretsDir("secrets"))):
        assert SECRET not in said
    assert watcher.scrub(f"it is {SECRET}") == "it is ********"


def test_nothing_of_them_is_kept(path, watch, tmp_path, secrets):
    """A start from the last good state reads them afresh over the files of then."""
    state_dir = tmp_path / "states"
    (secrets / "dsn").write_text(SECRET)
    (tmp_path / ".env").write_text(f"APP_PASSWORD={SECRET}\n")

    def layers() -> list[Any]:
        return [SecretsDir("secrets"), DotEnv(".env", "APP_")]

    first, _ = watch(path, App, layers=layers(), state_dir=state_dir)
    save(path, port(8001))
    first.reload()
    assert all(file.path.suffix == ".toml" for file in first.snapshot.files)
    first.close()
    kept = b"".join(each.read_bytes() for each in state_dir.rglob("*") if each.is_file())
    assert b"8001" in kept
    assert SECRET.encode() not in kept
    path.write_text("[server\n")
    (secrets / "dsn").write_text("now")
    second, _ = watch(path, App, layers=layers(), state_dir=state_dir)
    assert second.stats.degraded
    assert (second.config.server.port, second.config.dsn) == (8001, "now")
    assert second.config.password.get_secret_value() == SECRET


def test_a_fork_of_the_program_reads_them_too(path, watch, tmp_path):
    """By their absolute paths, wherever the program goes."""
    (tmp_path / ".env").write_text("APP_DSN=a\n")
    watcher, _ = watch(path, App, layers=[DotEnv(".env", "APP_")])
    os.chdir("/")
    save(tmp_path / ".env", "APP_DSN=b\n")
    wait_until(lambda: watcher.config.dsn == "b")


@pytest.mark.parametrize("nothing", [b"", b"\xff"])
def test_the_file_of_a_secret_has_one_name(path, watch, monkeypatch, nothing):
    """Problems call it what origins call it: the directory as it was given, and its name."""
    monkeypatch.chdir(path.parent)
    path.write_text("# nothing\n")
    Path("secrets").mkdir()
    file = path.parent / "secrets" / "dsn"
    file.write_text("strong")
    model, _ = LAYERS_OF["secrets/dsn"]
    watcher, _ = watch(path, model, layers=[SecretsDir("secrets")])
    assert watcher.snapshot.origins["dsn",].where == "secrets/dsn"
    file.write_bytes(nothing)
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert [each.place for each in ending.problems if each.severity == "error"] == ["secrets/dsn"]
    assert [each.file for each in ending.problems if each.severity == "error"] == [file]
