"""Configurations in YAML and JSON, and in several formats at once, followed by a real watcher."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from hotconf import ConfigError, HotReloadWatcher, ReloadFailed, UsageError


class Server(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str = "localhost"
    port: int = 8000


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)
    server: Server = Server()
    when: date | None = None
    token: SecretStr = SecretStr("")
    words: tuple[str, ...] = ()


TEXTS = {
    "toml": 'when = 2026-01-05\nwords = ["no"]\n[server]\nport = 9000\n',
    "yaml": "when: 2026-01-05\nwords: [no]\nserver:\n  port: 9000\n",
    "json": '{"when": "2026-01-05", "words": ["no"], "server": {"port": 9000}}',
}
EXPECTED = Config(when=date(2026, 1, 5), words=("no",), server=Server(port=9000))


@pytest.mark.parametrize("suffix", [".toml", ".yaml", ".yml", ".json", ".YAML"])
def test_the_suffix_says_which_format_a_file_is_in(tmp_path: Path, suffix: str) -> None:
    """The same configuration, whichever it is; a save is followed, a mistake is shown with its line."""
    name = {".yml": "yaml", ".YAML": "yaml"}.get(suffix, suffix[1:])
    main = tmp_path / f"config{suffix}"
    main.write_text(TEXTS[name])
    with HotReloadWatcher(main, Config) as watcher:
        assert watcher.config == EXPECTED
        assert watcher.snapshot.origin("server.port").line == (1 if name == "json" else 4)
        main.write_text(TEXTS[name].replace("9000", "9001"))
        watcher.reload()
        assert watcher.config.server.port == 9001
        main.write_text(TEXTS[name].replace("9000", "many"))
        ending = watcher.reload()
        assert isinstance(ending, ReloadFailed)
        assert ending.problems[0].line == (1 if name == "json" else 4)
        assert watcher.config.server.port == 9001


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("file", ["settings", "settings.conf", "settings.json"])
def test_an_argument_says_which_format_the_main_file_is_in(tmp_path: Path, file: str, name: Any) -> None:
    """Whatever its name says; fragments follow their own."""
    main = tmp_path / file
    main.write_text(TEXTS[name])
    (tmp_path / "more.yaml").write_text("server: {host: a}")
    with HotReloadWatcher(main, Config, format=name, watch_paths=["more.yaml"]) as watcher:
        assert watcher.config == EXPECTED.model_copy(update={"server": Server(host="a", port=9000)})


def test_the_last_good_state_is_read_in_the_format_of_the_argument(tmp_path: Path) -> None:
    """It has the same name as the main file."""
    main = tmp_path / "settings"
    main.write_text(TEXTS["yaml"])
    for text in (TEXTS["yaml"], "server: [\n"):
        main.write_text(text)
        with HotReloadWatcher(main, Config, format="yaml", state_dir=tmp_path / "states") as watcher:
            assert watcher.config == EXPECTED


def test_fragments_may_be_in_any_format(tmp_path: Path) -> None:
    """A directory means those of every known suffix, by name; an origin is in the file that it comes from."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "config.json").write_text('{"server": {"host": "main", "port": 1}}')
    for name, text in {
        "1.toml": "server.port = 2\nwords = ['toml']",
        "2.yml": "server: {port: 3}\nwords:\n- yml\n",
        "3.json": '{"server": {"port": 4}}',
        "4.yaml": "server:\n  port: 5\n",
        "5.txt": "server: {port: 6}",
    }.items():
        (folder / name).write_text(text)
    with HotReloadWatcher(tmp_path / "config.json", Config, watch_paths=["conf.d"]) as watcher:
        assert watcher.config == Config(server=Server(host="main", port=5), words=("yml",))
        assert watcher.snapshot.origin("server.port").where == "conf.d/4.yaml:2:9"
        (folder / "4.yaml").write_text("server:\n  prot: 5\n")
        ending = watcher.reload()
        assert isinstance(ending, ReloadFailed)
        assert (ending.problems[0].line, ending.problems[0].column) == (2, 3)


def test_a_format_that_is_none_is_refused() -> None:
    """By the call, with those that there are."""
    with pytest.raises(UsageError, match="one of toml, yaml, json"):
        HotReloadWatcher("settings.ini", Config, format="ini")  # type: ignore[arg-type]


def test_a_file_whose_name_says_nothing_is_toml_and_says_so_when_it_is_not(tmp_path: Path) -> None:
    """With the suffixes that say something; a mistake in a file with a known suffix has no such note."""
    main = tmp_path / "settings.conf"
    main.write_text(TEXTS["toml"])
    with HotReloadWatcher(main, Config) as watcher:
        assert watcher.config == EXPECTED
    main.write_text(TEXTS["yaml"])
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(main, Config).start()
    note = "it is read as TOML because its name does not end in .toml, .yaml, .yml, .json"
    assert (caught.value.problems[0].hint or "").endswith(note)
    known = tmp_path / "settings.toml"
    known.write_text(TEXTS["yaml"])
    with pytest.raises(ConfigError) as other:
        HotReloadWatcher(known, Config).start()
    assert "its name" not in (other.value.problems[0].hint or "")


def test_secrets_of_a_broken_yaml_file_are_in_no_event(tmp_path: Path) -> None:
    """Neither those before the mistake nor the one that causes it."""
    main = tmp_path / "config.yaml"
    main.write_text("token: hunter22\n")
    with HotReloadWatcher(main, Config) as watcher:
        for text in (
            "token: hunter33: x\n",
            "token: |\n  hunter33\n x: 1\n",
            "token: @hunter33\n",
            "token hunter33\nb: 1",
        ):
            main.write_text(text)
            ending = watcher.reload()
            assert isinstance(ending, ReloadFailed)
            assert "hunter" not in repr(ending)
            assert "hunter" not in str(ending.error)
            assert "hunter" not in watcher.scrub(f"failed: {text}")
