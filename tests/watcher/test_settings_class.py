"""A `BaseSettings` class as the model of a running watcher: its sources are layers, and they are followed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from hotconf import ConfigError, HotReloadWatcher, ReloadFailed, ReloadSuccess, ReloadUnchanged
from waiting import wait_until
from watcher.watched import save

SECRET = "hunter2-of-the-settings"


class Db(BaseModel):
    host: str = "localhost"
    pool: int = 5


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="APP_", env_nested_delimiter="__", env_file=".env", secrets_dir="secrets", extra="forbid"
    )

    debug: bool = False
    db: Db = Db()
    plugins: list[str] = []
    password: SecretStr = SecretStr("")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """None of the variables of this process, in a working directory with no variables in `.env` and no secrets."""
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / ".env").write_text("# nothing\n")
    (tmp_path / "config.toml").write_text('debug = true\n[db]\nhost = "file"\npool = 1\n')
    return monkeypatch


def where(watcher: Any, key: str) -> str:
    """The origin of a value, as people write it."""
    origin = watcher.snapshot.origin(key)
    assert origin is not None
    return origin.where


def hints(problems: Any) -> list[str]:
    """One a line, with what to do."""
    return [problem.with_hint for problem in problems]


# Values and their origins


def test_each_source_overrides_the_weaker_ones(watch, environment, tmp_path):
    """Files, secrets, `.env`, environment: every answer is known, the winner first."""
    (tmp_path / "secrets" / "app_db").write_text('{"host": "secret", "pool": 2}\n')
    (tmp_path / ".env").write_text("# hosts\nAPP_DB__POOL=3\nAPP_PLUGINS='[\"a\"]'\n")
    environment.setenv("APP_DB__POOL", "4")
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    assert watcher.config.db == Db(host="secret", pool=4)
    answers = [(each.origin.where, each.value) for each in watcher.snapshot.explain("db.pool")]
    assert answers == [("$APP_DB__POOL", "4"), (".env:2", "3"), ("secrets/app_db", 2), ("config.toml:4:8", 1)]
    assert where(watcher, "db.host") == "secrets/app_db"
    assert where(watcher, "plugins") == ".env:3"
    assert where(watcher, "debug") == "config.toml:1:9"
    assert where(watcher, "password") == "default"


def test_its_files_are_followed(watch, tmp_path):
    """`.env` and secrets, those that come later included."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    save(tmp_path / ".env", "APP_DB__POOL=7\n")
    wait_until(lambda: watcher.config.db.pool == 7)
    save(tmp_path / "secrets" / "app_password", f"{SECRET}\n")
    wait_until(lambda: watcher.config.password.get_secret_value() == SECRET)
    assert where(watcher, "password") == "secrets/app_password"


def test_paths_are_those_of_the_start(watch, environment, tmp_path):
    """A program that changes its working directory keeps its `.env`."""
    (tmp_path / "elsewhere").mkdir()
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.chdir(tmp_path / "elsewhere")
    save(tmp_path / ".env", "APP_DB__POOL=7\n")
    wait_until(lambda: watcher.config.db.pool == 7)
    assert where(watcher, "db.pool") == ".env:1"


def test_the_environment_is_read_at_each_load(watch, environment, tmp_path):
    """A reload without any difference says so."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.setenv("APP_DB__POOL", "9")
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert (watcher.config.db.pool, where(watcher, "db.pool")) == (9, "$APP_DB__POOL")
    assert isinstance(watcher.reload(), ReloadUnchanged)


def test_explicit_layers_lie_over_those_of_the_class(watch, environment, tmp_path):
    """`layers=` are the strongest."""
    environment.setenv("APP_DB__POOL", "9")
    watcher, _ = watch(tmp_path / "config.toml", Settings, layers=[{"db": {"pool": 10}}])
    assert (watcher.config.db.pool, where(watcher, "db.pool")) == (10, "layers[0]")


def test_a_nested_class_is_a_declaration_too(watch, environment, tmp_path):
    """Its sources lie over the files, and under those of the class around it; they are read once a load."""

    class Cache(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="CACHE_", env_file="cache.env")

        host: str = "none"
        port: int = 1
        size: int = 1

    class Outer(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_", env_nested_delimiter="__")

        cache: Cache = Field(default_factory=Cache)

    (tmp_path / "cache.env").write_text("CACHE_HOST=dotenv\nCACHE_PORT=2\nCACHE_SIZE=2\n")
    (tmp_path / "config.toml").write_text('[cache]\nhost = "file"\n')
    environment.setenv("CACHE_PORT", "3")
    environment.setenv("APP_CACHE__SIZE", "4")
    watcher, _ = watch(tmp_path / "config.toml", Outer)
    assert watcher.config.cache == Cache.model_construct(host="dotenv", port=3, size=4)
    assert [where(watcher, f"cache.{key}") for key in ("host", "port", "size")] == [
        "cache.env:1",
        "$CACHE_PORT",
        "$APP_CACHE__SIZE",
    ]
    save(tmp_path / "cache.env", "CACHE_HOST=other\n")
    wait_until(lambda: watcher.config.cache.host == "other")


def test_an_instance_as_default_is_a_warning(watch, tmp_path):
    """It was made before there was a watcher."""

    class Outer(BaseSettings):
        settings: Settings = Settings()

    (tmp_path / "config.toml").write_text("# nothing\n")
    watcher, _ = watch(tmp_path / "config.toml", Outer)
    (warning,) = watcher.warnings
    assert "The default of settings was created at import: its sources are not followed" in warning.with_hint
    assert "Field(default_factory=Settings)" in warning.with_hint


# What is wrong


def test_every_broken_variable_is_a_problem_of_its_own(watch, environment, tmp_path):
    """With its text, unless its key is that of a secret."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.setenv("APP_DB__POOL", "many")
    environment.setenv("APP_DEBUG", "perhaps")
    environment.setenv("APP_PLUGINS", "[1")
    (tmp_path / ".env").write_text("APP_PASWORD=x\n")
    (tmp_path / "secrets" / "app_db").write_text(f'{{"pool": "{SECRET}"')
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert sorted(hints(ending.problems)) == [
        '$APP_DB__POOL: Type mismatch: db.pool expected integer, got "many"',
        '$APP_DEBUG: Type mismatch: debug expected boolean, got "perhaps" (write true or false)',
        "$APP_PLUGINS: Invalid JSON: Expecting ',' delimiter at column 3 (write it as JSON)",
        ".env:1: Unknown key: app_pasword (did you mean APP_PASSWORD?)",
        "secrets/app_db: Invalid JSON: Expecting ',' delimiter at column 35 (write it as JSON)",
    ]
    assert SECRET not in str(ending)
    assert watcher.config.db.pool == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("APP_DB", '{"a":' * 70 + "1" + "}" * 70), ("APP_DB", '{"a":' * 5000), ("APP_DB__" + "A__" * 30_000, "1")],
)
def test_what_is_nested_too_deeply_names_its_variable(watch, environment, tmp_path, name, text):
    """However it got so deep; the other variables are read."""
    environment.setenv(name, text)
    environment.setenv("APP_PLUGINS", '["a"]')
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(tmp_path / "config.toml", Settings).start()
    assert [(each.where, each.message) for each in raised.value.problems] == [(f"${name}", "Nested too deeply")]


@pytest.mark.parametrize("name", ["APP_", "APP___", "APP_DB__", "APP___DB", "APP_DB____HOST"])
def test_any_name_with_the_prefix_is_one_warning(watch, environment, tmp_path, name):
    """Whatever the class makes of it, nothing fails."""
    environment.setenv(name, '{"host": "h"}')
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    assert {each.where for each in watcher.warnings} == {f"${name}"}


def test_pydantic_settings_is_not_imported_for_other_models(tmp_path):
    """It is the cost of its users only."""
    program = (
        "import sys\nfrom pydantic import BaseModel\nfrom hotconf import HotReloadWatcher\n"
        "class App(BaseModel, frozen=True):\n    debug: bool\n    db: dict[str, str | int]\n"
        "with HotReloadWatcher(sys.argv[1], App): print('pydantic_settings' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


# What the class says of its sources


class Reordered(Settings):
    """`.env` over the environment."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
    ):
        return init_settings, dotenv_settings, env_settings, file_secret_settings


class WithoutDotEnv(Settings):
    """The environment and secrets only."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
    ):
        return env_settings, file_secret_settings


class WithYaml(Settings):
    """A YAML file of its own between environment and `.env`."""

    model_config = SettingsConfigDict(yaml_file="own.yaml")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
    ):
        yaml = YamlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, yaml, dotenv_settings, file_secret_settings


class Database(PydanticBaseSettingsSource):
    """A source of a program's own, which looks at what the stronger ones said."""

    asked = 0

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        type(self).asked += 1
        return {"db": {"pool": 50, "host": f"with {self.current_state['db']['pool']}"}}


class WithOwn(Settings):
    """A source of its own at the end."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
    ):
        return init_settings, env_settings, dotenv_settings, file_secret_settings, Database(settings_cls)


@pytest.mark.parametrize(
    ("cls", "db", "origins"),
    [
        (Reordered, {"host": "dotenv", "pool": 3}, (".env:2", ".env:1")),
        (WithoutDotEnv, {"host": "file", "pool": 4}, ("config.toml:3:8", "$APP_DB__POOL")),
        (WithYaml, {"host": "file", "pool": 4}, ("config.toml:3:8", "$APP_DB__POOL")),
        (WithOwn, {"host": "dotenv", "pool": 4}, (".env:2", "$APP_DB__POOL")),
    ],
)
def test_the_class_chooses_its_sources(watch, environment, tmp_path, cls, db, origins):
    """Order changed, one dropped, one of YAML and one of its own added."""
    (tmp_path / ".env").write_text("APP_DB__POOL=3\nAPP_DB__HOST=dotenv\n")
    (tmp_path / "own.yaml").write_text("db: {host: yaml, pool: 5}\ndebug: false\nplugins: [yaml]\n")
    environment.setenv("APP_DB__POOL", "4")
    watcher, _ = watch(tmp_path / "config.toml", cls)
    assert watcher.config.db.model_dump() == db
    assert (where(watcher, "db.host"), where(watcher, "db.pool")) == origins


def test_files_stand_where_the_class_has_its_own(watch, environment, tmp_path):
    """Just above its YAML file, which is followed, too; what is weaker than that is weaker than they are."""
    (tmp_path / ".env").write_text("APP_DB__HOST=dotenv\nAPP_DB__POOL=7\nAPP_PASSWORD=dotenv\n")
    (tmp_path / "own.yaml").write_text("plugins: [yaml]\ndb: {host: yaml}\n")
    watcher, _ = watch(tmp_path / "config.toml", WithYaml)
    answers = [each.origin.where for each in watcher.snapshot.explain("db.host")]
    assert answers == ["config.toml:3:8", "YamlConfigSettingsSource", ".env:1"]
    assert (watcher.config.plugins, where(watcher, "plugins")) == (["yaml"], "YamlConfigSettingsSource")
    assert where(watcher, "password") == ".env:3"
    save(tmp_path / "own.yaml", "plugins: [other]\n")
    wait_until(lambda: watcher.config.plugins == ["other"])


def test_a_source_of_its_own_is_asked_once_a_load(watch, environment, tmp_path):
    """It knows what the stronger ones said; its origin is its class."""
    environment.setenv("APP_DB__POOL", "4")
    Database.asked = 0
    watcher, _ = watch(tmp_path / "config.toml", WithOwn)
    assert Database.asked == 1
    assert (watcher.config.db.host, where(watcher, "db.host")) == ("with 4", "Database")
    watcher.reload()
    assert Database.asked == 2


class Broken(Settings):
    """A source that fails on demand."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
    ):
        def source() -> Any:
            how = os.environ.get("HOW", "")
            if how == "exits":
                raise SystemExit(2)
            if how == "raises":
                raise RuntimeError(SECRET)
            return [SECRET] if how == "does not give a table" else {}

        return (source, env_settings)


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("exits", "source: The command line is not valid"),
        ("raises", "source: Cannot be read: RuntimeError"),
        ("does not give a table", "source: It does not give a table with strings as keys"),
    ],
)
def test_a_source_that_fails_is_a_problem(watch, environment, tmp_path, how, problem):
    """What it raises is not quoted; the configuration stays."""
    watcher, _ = watch(tmp_path / "config.toml", Broken)
    environment.setenv("HOW", how)
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert hints(ending.problems) == [problem]
    assert watcher.config.db.pool == 1


# The command line


class Flagged(BaseSettings):
    model_config = SettingsConfigDict(cli_parse_args=True, cli_prog_name="app")

    debug: bool = False
    db: Db = Db()


def test_the_command_line_is_the_strongest(watch, environment, tmp_path):
    """It is parsed when the watcher is made, and never again."""
    environment.setattr(sys, "argv", ["app", "--db.pool", "8"])
    environment.setenv("DB", '{"pool": 9}')
    watcher, _ = watch(tmp_path / "config.toml", Flagged)
    assert (watcher.config.db.pool, where(watcher, "db.pool")) == (8, "CliSettingsSource")
    environment.setattr(sys, "argv", ["app", "--nonsense"])
    assert isinstance(watcher.reload(), ReloadUnchanged)


def test_the_command_line_of_pytest_is_not_the_programs(watch, environment, tmp_path):
    """A program is tested under pytest, whose options it does not have."""
    assert "pytest" in sys.argv[0] or sys.argv[0] == "-c"
    environment.setattr(sys, "argv", ["/usr/bin/pytest", "-q", "tests"])
    watcher, _ = watch(tmp_path / "config.toml", Flagged)
    assert watcher.config.db.pool == 1


def test_a_command_line_that_is_not_valid_is_a_problem(environment, tmp_path, capsys):
    """And no exit."""
    environment.setattr(sys, "argv", ["app", "--nonsense"])
    with pytest.raises(ConfigError, match="Flagged: The command line is not valid"):
        HotReloadWatcher(tmp_path / "config.toml", Flagged).start()


# What else a watcher does


def test_nothing_of_the_sources_is_kept(environment, watch, tmp_path):
    """A start on broken files lays the sources of today over the last good ones."""
    environment.setenv("APP_PASSWORD", SECRET)
    (tmp_path / ".env").write_text("APP_DB__HOST=first\n")
    state = tmp_path / "state"
    watcher, _ = watch(tmp_path / "config.toml", Settings, state_dir=state)
    watcher.close()
    kept = [path for path in state.rglob("*") if path.is_file()]
    assert kept
    assert not any(text in path.read_bytes() for path in kept for text in (SECRET.encode(), b"first"))
    (tmp_path / "config.toml").write_text("broken")
    (tmp_path / ".env").write_text("APP_DB__HOST=second\n")
    watcher, _ = watch(tmp_path / "config.toml", Settings, state_dir=state)
    assert (watcher.config.db.host, watcher.config.db.pool, watcher.stats.degraded) == ("second", 1, True)


def test_secrets_of_sources_never_show(environment, watch, tmp_path, caplog):
    """Not in problems, changes or logs; a short one neither."""
    (tmp_path / "secrets" / "app_password").write_text(SECRET)
    watcher, seen = watch(tmp_path / "config.toml", Settings)
    assert SECRET not in watcher.scrub(f"it is {SECRET}")
    (tmp_path / "secrets" / "app_db").write_text(json.dumps({"pool": SECRET}))
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert hints(ending.problems) == ["secrets/app_db: Type mismatch: db.pool expected integer, got string"]
    (tmp_path / "secrets" / "app_db").write_text(json.dumps({"host": "other-secret"}))
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert SECRET not in caplog.text
    assert "other-secret" not in caplog.text + str(seen.endings)


def test_a_misspelt_variable_is_never_silent(environment, watch, tmp_path):
    """It is a warning that says what was meant; a variable that another class uses is none."""

    class Cache(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_CACHE_")
        size: int = 1

    class Outer(Settings):
        cache: Cache = Field(default_factory=Cache)

    environment.setenv("APP_CACHE_SIZE", "2")
    environment.setenv("APP_DEBUGG", "1")
    environment.setenv("APP_DB_POOL", "1")
    environment.setenv("APP_DB__HSOT", "1")
    environment.setenv("APP_DB_SERVICE_HOST", "10.0.0.1")
    environment.setenv("APP_DB_SERVICE_PORT", "80")
    environment.delenv("APP_DB__HSOT")
    watcher, _ = watch(tmp_path / "config.toml", Outer)
    assert watcher.config.cache.size == 2
    assert sorted(hints(watcher.warnings)) == [
        "$APP_DB_POOL: Unknown key: db_pool (did you mean APP_DB__POOL?)",
        "$APP_DB_SERVICE_HOST: Kubernetes sets it for a service, and 1 more: no field has this name "
        "(set enableServiceLinks: false in the pod's spec, or take another prefix)",
        "$APP_DEBUGG: Unknown key: debugg (did you mean APP_DEBUG?)",
    ]
    environment.setenv("APP_DB__HSOT", "1")
    assert "$APP_DB__HSOT: Unknown key: db.hsot (did you mean APP_DB__HOST?)" in hints(watcher.reload().warnings)


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("APP_DEBUGG=1", "app_debugg", "APP_DEBUG"),
        ("app_debugg=1", "app_debugg", "APP_debug"),
        ("export APP_DB_POOL=1", "app_db_pool", "APP_DB__POOL"),
        ("APP_DB__HSOT=x", "db.hsot", "APP_DB__HOST"),
        ("APP_DBB__HOST=x", "app_dbb__host", "APP_DB__HOST"),
        ("AP_DEBUG=1", "ap_debug", "APP_DEBUG"),
        ("DB__POOL=1", "db__pool", "APP_DB__POOL"),
        ("# first\nAPP_PASWORD=x", "app_pasword", "APP_PASSWORD"),
        ("SOMETHING_ELSE=1", "something_else", ""),
    ],
)
@pytest.mark.parametrize("extra", ["forbid", "ignore"])
def test_a_misspelt_name_in_a_file_of_variables_says_which_was_meant(environment, tmp_path, line, key, meant, extra):
    """As a variable: with the prefix and the delimiter. Of what the class ignores it is a warning."""

    class Mine(Settings):
        model_config = SettingsConfigDict(extra=extra)

    (tmp_path / ".env").write_text(f"{line}\n")
    watcher = HotReloadWatcher(tmp_path / "config.toml", Mine)
    try:
        with watcher:
            found = watcher.warnings
    except ConfigError as error:
        found = error.problems
    named = key if extra == "forbid" else key.removeprefix("app_")
    said = f"Unknown key: {named}" + (f" (did you mean {meant}?)" if meant else "")
    assert hints(found) == [f".env:{line.count(chr(10)) + 1}: {said}"]


def test_a_change_that_an_old_variable_hides_is_a_warning(environment, watch, tmp_path):
    """As after `load_dotenv()`."""
    (tmp_path / ".env").write_text("APP_DB__POOL=3\n")
    environment.setenv("APP_DB__POOL", "3")
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    assert not watcher.warnings
    (tmp_path / ".env").write_text("APP_DB__POOL=4\n")
    (warning,) = watcher.reload().warnings
    assert str(warning) == ".env:1: db.pool is hidden by $APP_DB__POOL, which has the value that .env had before"


def test_what_comes_from_a_vault_is_secret(environment, watch, tmp_path):
    """A source that loads its variables from elsewhere: no value is quoted, its origin is its class."""

    class Vault(EnvSettingsSource):
        def _load_env_vars(self) -> Any:
            return {"app_debug": os.environ.get("IN_THE_VAULT", "no")}

    class Vaulted(Settings):
        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **given: Any) -> Any:
            return (Vault(settings_cls), *given.values())

    watcher, _ = watch(tmp_path / "config.toml", Vaulted)
    assert (watcher.config.debug, where(watcher, "debug")) == (False, "Vault")
    environment.setenv("IN_THE_VAULT", "abc")
    (problem,) = watcher.reload().problems
    assert problem.with_hint == "Vault: Type mismatch: debug expected boolean, got string (write true or false)"


def test_a_default_is_filled_in_part(environment, watch, tmp_path):
    """Where the class asks for it: what nothing sets stays as the default has it."""

    class Partial(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix="APP_", env_nested_delimiter="__", nested_model_default_partial_update=True
        )
        db: Db = Db(host="mine", pool=50)
        other: Db = Db(pool=60)

    (tmp_path / "config.toml").write_text("[other]\nhost = 'file'\n")
    environment.setenv("APP_DB__POOL", "7")
    watcher, _ = watch(tmp_path / "config.toml", Partial)
    assert (watcher.config.db, watcher.config.other) == (Db(host="mine", pool=7), Db(host="file", pool=60))
    assert [where(watcher, key) for key in ("db.host", "db.pool", "other.pool")] == [
        "default",
        "$APP_DB__POOL",
        "default",
    ]


def test_a_file_is_never_half_of_a_state(watch, tmp_path):
    """Secrets that are swapped while the sources read them: no configuration is of two swaps."""

    class Pair(BaseSettings):
        model_config = SettingsConfigDict(secrets_dir="secrets")
        one: int = 0
        two: int = 0

    (tmp_path / "config.toml").write_text("# nothing\n")
    secrets, torn = tmp_path / "secrets", []
    for number in range(1, 31):
        folder = secrets / f"..{number}"
        folder.mkdir()
        for name in ("one", "two"):
            (folder / name).write_text(str(number))
        (secrets / "..new").symlink_to(folder.name)
        (secrets / "..new").rename(secrets / "..data")
        if number == 1:
            for name in ("one", "two"):
                (secrets / name).symlink_to(f"..data/{name}")
            watcher, _ = watch(tmp_path / "config.toml", Pair)
            watcher.on_change(lambda config: config, lambda _, new: torn.append(new) if new.one != new.two else None)
        elif number % 3 == 0:
            watcher.reload()
    wait_until(lambda: watcher.config.two == 30)
    assert not torn
