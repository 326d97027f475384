"""What each layer over the main file promises: a fragment, a mapping, options, a class of the program's own."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli
from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator

from hotconf import Flags, Problem, Related, Schema, Snapshot, UsageError
from hotconf.engine.candidate import Invalid, Valid
from hotconf.runtime.load import drifted, load, load_kept
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.sources.base import FileSet, Layer, Options
from hotconf.sources.mapping import MappingLayer

SECRET = "hunter2-of-the-layer"


class Server(BaseModel, extra="forbid"):
    host: str = "localhost"
    port: int = 80
    tags: list[str] = []


class App(BaseModel):
    server: Server = Server()
    url: str = Field("", validation_alias=AliasChoices("url", "base_url"))
    password: SecretStr = SecretStr("")
    hot_reload: HotReloadSettings = HotReloadSettings()

    @field_validator("url")
    @classmethod
    def known(cls, given: str) -> str:
        if given == "refused":
            raise ValueError(f"not with {SECRET}")
        return given


class Own:
    """A class of the program's own."""

    name = "own"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> Mapping[str, Any]:
        """Anew each time."""
        return tomli.loads(self.text)


class Scene:
    """A main file, and a layer over it that says what a text in TOML says."""

    def __init__(self, kind: str, root: Path) -> None:
        self.kind = kind
        self.main, self.file = root / "config.toml", root / "over.toml"
        self.where = {"fragment": "over.toml", "mapping": "overrides", "flags": "flags[server]", "own": "own"}[kind]

    def options(self, over: str, main: str = "") -> Options[App]:
        self.main.write_text(main or "# nothing\n")
        if self.kind == "fragment":
            self.file.write_text(over or "# nothing\n")
            return Options(self.main, Schema(App), PinnedSettings(watch_paths=("over.toml",)))
        made: dict[str, Callable[[], Layer]] = {
            "own": lambda: Own(over),
            "mapping": lambda: MappingLayer(tomli.loads(over), "overrides"),
            "flags": lambda: Flags(Namespace(**tomli.loads(over))),
        }
        layer = made[self.kind]()
        return Options(self.main, Schema(App), layers=(layer,))

    def valid(self, over: str, main: str = "", published: Snapshot[App] | None = None) -> Valid[App]:
        candidate = load(self.options(over, main), published).candidate
        assert isinstance(candidate, Valid), candidate
        return candidate

    def problem(self, over: str, main: str = "") -> Problem:
        candidate = load(self.options(over, main)).candidate
        (found,) = candidate.warnings if isinstance(candidate, Valid) else candidate.problems
        return found

    def is_place(self, place: str) -> bool:
        """Whether `place` is in the layer; of a file it names the line."""
        begin = {"fragment": "over.toml:", "flags": "flags["}.get(self.kind)
        return place == self.where if begin is None else place.startswith(begin)


@pytest.fixture(params=["fragment", "mapping", "flags", "own"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """One for each kind of layer."""
    return Scene(request.param, tmp_path)


def published(candidate: Valid[App]) -> Snapshot[App]:
    """`candidate`, in force."""
    return Snapshot(candidate.config, 1, candidate.digest, candidate.loaded_at, candidate.files, candidate.origins)


def test_its_values_win_and_tables_merge(scene: Scene) -> None:
    """Everything but tables is replaced as a whole."""
    made = scene.valid("[server]\nport = 1\ntags = ['b']\n", "[server]\nhost = 'h'\nport = 2\ntags = ['a', 'c']\n")
    assert made.config.server == Server(host="h", port=1, tags=["b"])


def test_its_values_have_their_origins(scene: Scene) -> None:
    """Those of the main file keep theirs, and `explain` tells both."""
    snapshot = published(scene.valid("[server]\nport = 1\n", "[server]\nhost = 'h'\nport = 2\n"))
    port, host = snapshot.origin("server.port"), snapshot.origin("server.host")
    assert port is not None and scene.is_place(port.where)
    assert host is not None and host.where == "config.toml:2:8"
    answers = [(answer.origin.where, answer.value) for answer in snapshot.explain("server.port")]
    assert answers == [(port.where, 1), ("config.toml:3:8", 2)]


def test_a_wrong_value_names_it_and_no_innocent_line(scene: Scene) -> None:
    """The line of the main file that it replaces is only related."""
    found = scene.problem("[server]\nport = 'x'\n", "[server]\nport = 2\n")
    assert (found.kind, found.path, found.severity) == ("schema", ("server", "port"), "error")
    assert scene.is_place(found.place)
    assert found.related == (Related("also defined", scene.main, 2, 8),)
    assert (found.file is None) == (scene.kind != "fragment")


def test_an_unknown_key_names_it(scene: Scene) -> None:
    """With what was probably meant."""
    found = scene.problem("[server]\nprot = 1\n", "[server]\nport = 2\n")
    assert scene.is_place(found.place)
    assert "port" in (found.hint or "")


def test_a_table_that_it_fills_names_it_too(scene: Scene) -> None:
    """What is wrong with a whole table may be its fault."""
    options = scene.options("[server]\nport = 1\n", "[server]\nhost = 'h'\n")

    def check(app: App) -> Iterator[Problem]:
        yield Problem("port and host do not fit", "server")

    candidate = load(options._replace(schema=Schema(App, checks=[check]))).candidate
    assert isinstance(candidate, Invalid)
    (found,) = candidate.problems
    assert found.place == "config.toml:1:2"
    wheres = [each.where for each in found.related]
    assert wheres == ([] if scene.kind == "fragment" else [scene.where])


def test_the_digest_covers_it(scene: Scene) -> None:
    """The same words are no change, others are one; equal values in other words do not replace the config."""
    first = published(scene.valid("[server]\nport = 1\n"))
    assert scene.valid("[server]\nport = 1\n", published=first).unchanged == "the files are the same"
    second = scene.valid("[server]\nport = 2\n", published=first)
    assert [(change.dotted, change.old, change.new) for change in second.changes] == [("server.port", 1, 2)]
    same = scene.valid("[server]\nport = 1\nhost = 'localhost'\n", published=first)
    assert (same.unchanged, same.digest == first.digest) == ("no value differs", False)


def test_drift_is_noticed(scene: Scene) -> None:
    """Of the layer as of the files."""
    options = scene.options("[server]\nport = 1\n")
    result = load(options)
    assert isinstance(result.candidate, Valid)
    snapshot = published(result.candidate)
    assert not drifted(options, snapshot, result.files)
    assert drifted(scene.options("[server]\nport = 2\n"), snapshot, result.files)


def test_its_secrets_are_in_no_message(scene: Scene) -> None:
    """Not even if the model refuses it, so that no config tells what is secret."""
    found = scene.problem(f"password = '{SECRET}'\nurl = 'refused'\n")
    assert scene.is_place(found.place)
    assert found.message == "url: not with ********"


@pytest.mark.parametrize("scene", ["mapping", "own"], indirect=True)
def test_another_spelling_of_a_key_wins_as_well(scene: Scene) -> None:
    """A weak layer's spelling does not beat a strong one's."""
    assert scene.valid("base_url = 'strong'\n", "url = 'weak'\n").config.url == "strong"
    assert scene.valid("url = 'strong'\n", "base_url = 'weak'\n").config.url == "strong"
    both = scene.problem("url = 'a'\nbase_url = 'b'\n", "url = 'weak'\n")
    assert (both.message, both.place) == ("Key given twice: base_url is the same as url", scene.where)


def test_settings_follow_it(scene: Scene) -> None:
    """A program can switch hot reload off, whatever the file says."""
    made = scene.valid("hot_reload.enabled = false\n", "hot_reload.enabled = true\n")
    assert made.settings.enabled is False


def test_kept_states_hold_files_only(scene: Scene) -> None:
    """Over a kept state the layers are read afresh."""
    made = scene.valid("[server]\nport = 1\n", "[server]\nhost = 'kept'\n")
    files = {"config.toml", "over.toml"} if scene.kind == "fragment" else {"config.toml"}
    assert {file.path.name for file in made.files} == files
    now = load_kept(scene.options("[server]\nport = 3\n"), made.files, made.loaded_at).candidate
    assert isinstance(now, Valid)
    assert (now.config.server.host, now.config.server.port) == ("kept", 1 if scene.kind == "fragment" else 3)


class Broken:
    """Cannot be read."""

    name = "broken"

    def __init__(self, read: Callable[[], object]) -> None:
        self.read: Callable[[], Any] = read


def failing() -> Mapping[str, Any]:
    """As a server that is away."""
    raise ConnectionError(SECRET)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (failing, "Cannot read the layer: ConnectionError"),
        (lambda: 7, "broken is of type int: give a mapping"),
        (lambda: None, "broken is None: give a mapping"),
        (lambda: {"server": {"port": object()}}, "server.port is of type object: give what a file can hold"),
        (lambda: {"server": {1: 2}}, "server has a key of type int: keys must be strings"),
        (lambda: {"server": {"port": 10**5000}}, "server.port is too large: give what a file can hold"),
        (lambda: nested(65), f"{'.'.join('a' * 50)}… is nested too deeply: give what a file can hold"),
    ],
)
def test_a_layer_that_cannot_be_read_is_a_problem(tmp_path: Path, read: Callable[[], object], message: str) -> None:
    """It names the layer, and the last good configuration stays."""
    main = tmp_path / "config.toml"
    main.write_text("[server]\nport = 1\n")
    candidate = load(Options(main, Schema(App), layers=(Broken(read),))).candidate
    assert isinstance(candidate, Invalid)
    (found,) = candidate.problems
    assert (found.message, found.kind, found.place) == (message, "unreadable", "broken")


class Shown:
    """Its text is a secret."""

    def __repr__(self) -> str:
        return SECRET


ODD: list[Callable[[], object]] = [
    lambda: SECRET,
    lambda: SECRET.encode(),
    lambda: {"password": SECRET.encode()},
    lambda: {"password": {SECRET.encode(): 1}},
    lambda: {"password": {SECRET, SECRET.encode()}},
    lambda: {"password": [Shown()]},
    lambda: {Shown(): 1},
    lambda: {"password": type(SECRET, (str,), {})},
    lambda: {"password": bytearray(SECRET.encode())},
    lambda: {"password": complex(1)},
]


@pytest.mark.parametrize("odd", ODD)
def test_what_no_file_could_hold_is_not_shown(tmp_path: Path, odd: Callable[[], object]) -> None:
    """Only its type is: it may be a secret, whichever layer has it."""
    main = tmp_path / "config.toml"
    main.write_text("# nothing\n")
    table: Any = odd()
    made: list[Callable[[], Layer]] = [lambda: Broken(odd), lambda: MappingLayer(table, "m"), lambda: Flags(table)]
    for make in made:
        try:
            layers: tuple[Layer, ...] = (make(),)
        except UsageError as error:
            assert SECRET not in str(error)
            continue
        candidate = load(Options(main, Schema(App), layers=layers)).candidate
        assert SECRET not in repr(() if isinstance(candidate, Valid) else candidate.problems)
        assert isinstance(candidate, Invalid)


def nested(levels: int) -> dict[str, Any]:
    """So many tables in each other."""
    table: dict[str, Any] = {}
    for _ in range(levels):
        table = {"a": table}
    return table


def test_a_layer_that_changes_while_the_files_are_read_is_not_used(tmp_path: Path) -> None:
    """One load is one state of all layers."""
    main = tmp_path / "config.toml"
    main.write_text("[server]\nport = 1\n")
    ports = iter(range(2, 9))
    restless = Broken(lambda: {"server": {"port": next(ports)}})
    candidate = load(Options(main, Schema(App), layers=(restless,))).candidate
    assert [problem.kind for problem in (() if isinstance(candidate, Valid) else candidate.problems)] == ["unstable"]


def test_a_layer_may_name_more_files(tmp_path: Path) -> None:
    """Of lost entries the problem names the layer, not the main file."""
    main = tmp_path / "config.toml"
    main.write_text("[server]\nport = 1\n")
    (tmp_path / "more.toml").write_text("[server]\nhost = 'more'\n")
    layer = MappingLayer({"hot_reload": {"watch_paths": ["more.toml"]}}, "overrides")
    options = Options(main, Schema(App), layers=(layer,))
    result = load(options)
    assert isinstance(result.candidate, Valid)
    assert result.candidate.config.server == Server(host="more", port=1)
    (tmp_path / "more.toml").unlink()
    lost = load(options, published(result.candidate), result.files, baseline=result.candidate.baseline).candidate
    assert isinstance(lost, Invalid)
    assert [(problem.message, problem.place) for problem in lost.problems] == [
        ('watch_paths: "more.toml" is gone', "overrides")
    ]


def test_the_table_of_a_mapping_is_its_own(tmp_path: Path) -> None:
    """Whatever the program does to the mapping afterwards."""
    given = {"server": {"tags": ["a"]}}
    layer = MappingLayer(given, "overrides")
    given["server"]["tags"].append("b")
    main = tmp_path / "config.toml"
    main.write_text("# nothing\n")
    candidate = load(Options(main, Schema(App), layers=(layer,)), cached=FileSet.of(main)).candidate
    assert isinstance(candidate, Valid)
    assert candidate.config.server.tags == ["a"]
