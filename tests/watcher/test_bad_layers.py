"""Whatever stands where `.env` or a secret should: a problem there, the old snapshot, no secret; then life goes on.

Each case is tried with layers over a plain model, and with a `BaseSettings` class that declares the same.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from hotconf import ConfigError, DotEnv, SecretsDir
from hotconf.sources.files import paths
from waiting import wait_until
from watcher.watched import save

SECRET = "hunter2-of-the-layers"
MAX_BYTES = 1000


class Plain(BaseModel, frozen=True):
    app_port: int = 1
    app_size: int = 1
    app_password: SecretStr = SecretStr("")


class Settings(BaseSettings, frozen=True):
    model_config = SettingsConfigDict(env_file=".env", secrets_dir="secrets", extra="ignore")

    app_port: int = 1
    app_size: int = 1
    app_password: SecretStr = SecretStr("")


class Bad(NamedTuple):
    """What stands there, what is said of it, and where."""

    put: Callable[[Path], object]
    message: str
    place: str


def text(given: str | bytes) -> Callable[[Path], object]:
    """A file with that content."""
    return lambda path: path.write_bytes(given if isinstance(given, bytes) else given.encode())


def listen(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
        Path(path.name).replace(path)


def grow(path: Path) -> None:
    """Ten gigabytes of nothing."""
    with path.open("wb") as file:
        file.truncate(10 << 30)


BOMB = "A=aaaaaaaaaa\n" + "".join(f"A={'${A}' * 10}\n" for _ in range(6)) + f"APP_PASSWORD={SECRET}\n"
UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "too large": (text(SECRET * 60), f"The file is larger than {MAX_BYTES} bytes"),
    "sparse": (grow, f"The file is larger than {MAX_BYTES} bytes"),
    "named pipe": (os.mkfifo, "Cannot read the file: it is a named pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "Cannot read the file: it is a device"),
    "socket": (listen, "Cannot read the file: it is a socket"),
    "loop": (lambda path: path.symlink_to(path.name), "Cannot read the file: its links lead in a circle"),
}
DOTENV = {
    **{what: Bad(put, message, ".env") for what, (put, message) in UNREADABLE.items()},
    "latin-1": Bad(
        text(f"A=1\nAPP_PASSWORD={SECRET}é".encode("latin-1")), "File is not UTF-8: invalid byte at", ".env:2"
    ),
    "UTF-16": Bad(text("APP_PORT=1".encode("utf-16")), "File is not UTF-8: invalid byte at line 1", ".env:1"),
    "bomb": Bad(text(BOMB), "Variables in variables make more than", ".env:7"),
    "wrong type": Bad(text("# port\nAPP_PORT=x\n"), "Type mismatch: app_port expected integer", ".env:2"),
    "byte order mark": Bad(text("\ufeffAPP_PORT=x\r\n"), "Type mismatch: app_port expected integer", ".env:1"),
    "NUL": Bad(text("APP_PORT=1\0\n"), "Type mismatch: app_port expected integer", ".env:1"),
    "Kubernetes": Bad(text("APP_PORT=tcp://10.0.0.1:80"), "Type mismatch: app_port expected integer", ".env:1"),
}
SECRETS = {
    **{what: Bad(put, message, "secrets/app_password") for what, (put, message) in UNREADABLE.items()},
    "NUL": Bad(lambda path: path.with_name("app_size").write_bytes(b"1\0"), "Type mismatch", "secrets/app_size"),
    "a text": Bad(lambda path: path.with_name("APP_SIZE").write_text(SECRET), "Type mismatch", "secrets/APP_SIZE"),
}


@pytest.fixture(params=[Plain, Settings])
def begin(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """A directory with all that is good, and what a watcher of it takes."""
    monkeypatch.chdir(tmp_path)
    for name in ("APP_PORT", "APP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text("# nothing\n")
    (tmp_path / ".env").write_text("APP_PORT=2\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/app_password").write_text(f"{SECRET}\n")
    layers = [SecretsDir("secrets"), DotEnv(".env")] if request.param is Plain else []
    return lambda: (request.param, {"layers": layers, "max_bytes": MAX_BYTES})


def replace(put: Callable[[Path], object], path: Path) -> None:
    """Put it there in one step."""
    beside = path.parent.parent / "beside" if path.parent.name == "secrets" else path.with_name("beside")
    if put is UNREADABLE["loop"][0]:
        beside = path.parent / ".hidden"
        beside.symlink_to(path.name)
    else:
        put(beside)
    if beside.exists() or beside.is_symlink():
        beside.replace(path)


def said(problems: Any, bad: Bad) -> bool:
    """Whether what is wrong is said where it is, and no secret."""
    assert SECRET not in repr(problems)
    return any((each.place, each.message[: len(bad.message)]) == (bad.place, bad.message) for each in problems)


CASES = [(".env", each) for each in DOTENV.values()] + [("secrets/app_password", each) for each in SECRETS.values()]
NAMES = [f".env {name}" for name in DOTENV] + [f"secret {name}" for name in SECRETS]


@pytest.mark.parametrize(("file", "bad"), CASES, ids=NAMES)
def test_a_bad_start(begin, tmp_path, watch, file, bad):
    """It is refused, and the problem names its own place."""
    model, options = begin()
    path = tmp_path / file
    path.unlink()
    bad.put(path)
    with pytest.raises(ConfigError) as raised:
        watch("config.toml", model, **options)
    assert said(raised.value.problems, bad), raised.value.problems


@pytest.mark.parametrize(("file", "bad"), CASES, ids=NAMES)
def test_a_bad_change(begin, tmp_path, watch, caplog, file, bad):
    """The old snapshot stays, and the next good content is published."""
    model, options = begin()
    watcher, _ = watch("config.toml", model, **options)
    snapshot = watcher.snapshot
    assert (snapshot.config.app_port, snapshot.config.app_password.get_secret_value()) == (2, SECRET)
    path = tmp_path / file
    if "APP_SIZE" in bad.place.upper():
        bad.put(path)
    else:
        replace(bad.put, path)
    event = watcher.reload()
    assert said(event.problems, bad), event.problems
    assert watcher.snapshot is snapshot
    (tmp_path / "secrets/app_password").unlink()
    for name in ("app_size", "APP_SIZE"):
        (tmp_path / "secrets" / name).unlink(missing_ok=True)
    (tmp_path / "secrets/app_password").write_text("\ufeffsesame \r\n" if model is Plain else "sesame\n")
    save(tmp_path / ".env", "APP_PORT=3\n")
    wait_until(lambda: watcher.config.app_port == 3)
    wait_until(lambda: watcher.config.app_password.get_secret_value() == "sesame")
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (text(SECRET), "It is not a directory"),
        (os.mkfifo, "It is not a directory"),
        (lambda path: path.symlink_to(path.name), "Cannot list the directory: Too many levels of symbolic links"),
    ],
)
def test_what_is_no_directory_is_no_absent_one(begin, tmp_path, watch, put, message):
    """It is a mistake, and nothing that comes later."""
    model, options = begin()
    (tmp_path / "secrets").rename(tmp_path / "away")
    put(tmp_path / "secrets")
    with pytest.raises(ConfigError) as raised:
        watch("config.toml", model, **options)
    assert [(each.place, each.message) for each in raised.value.problems] == [("secrets", message)]


def test_files_that_no_field_takes_are_not_looked_at(begin, tmp_path, watch):
    """The secrets of other programs, and whatever else `/var/run` has."""
    model, options = begin()
    for number, (put, _) in enumerate(UNREADABLE.values()):
        put(tmp_path / "secrets" / f"other{number}")
    watcher, _ = watch("config.toml", model, **options)
    assert watcher.config.app_password.get_secret_value() == SECRET
    assert not watcher.warnings


def test_the_number_of_secrets_is_bounded(tmp_path, watch, monkeypatch):
    """Those of a prefix count; a directory of other files is none of ours."""
    monkeypatch.setattr(paths, "MOST_FILES", 3)
    monkeypatch.setattr("hotconf.sources.secrets_dir.MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"key_{number}").write_text("1")
    main = tmp_path / "main.toml"
    main.write_text("# nothing\n")
    watch(main, dict[str, int], layers=[SecretsDir(tmp_path, "other_")])
    with pytest.raises(ConfigError) as raised:
        watch(main, dict[str, int], layers=[SecretsDir(tmp_path, "key_")])
    hint = "give the secrets a directory of their own, or a prefix"
    assert [(each.message, each.hint) for each in raised.value.problems] == [("It has more than 3 files", hint)]


def test_the_size_of_all_secrets_is_bounded(tmp_path, watch):
    """And said once, however many are over it; those that were read before count, too."""
    directory = tmp_path / "many"
    directory.mkdir()
    for number in range(16):
        (directory / f"k{number:02}").write_text("x" * MAX_BYTES)
    main = tmp_path / "main.toml"
    main.write_text("# nothing\n")
    watcher, _ = watch(main, dict[str, str], layers=[SecretsDir(directory, "k")], max_bytes=MAX_BYTES)
    for number in range(16, 20):
        (directory / f"k{number:02}").write_text("x")
    wait_until(lambda: "ReloadFailed" in type(watcher.last).__name__)
    message = f"The files of layers together are larger than {16 * MAX_BYTES} bytes"
    assert [each.message for each in watcher.last.problems] == [message]
    for number in range(10, 20):
        (directory / f"k{number:02}").unlink()
    wait_until(lambda: len(watcher.config) == 10)
