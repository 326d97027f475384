"""What of pydantic-settings is used that it does not document: each name, so that a version without it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pydantic_settings
import pytest
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    DotEnvSettingsSource,
    EnvSettingsSource,
    JsonConfigSettingsSource,
    SecretsSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)

from hotconf.sources.settings_class import private

PACKAGE = Path(private.__file__).parent
VERSION = pydantic_settings.__version__
ATTRIBUTES = {
    EnvSettingsSource: ("env_vars", "env_prefix", "env_nested_delimiter", "case_sensitive"),
    DotEnvSettingsSource: ("env_vars", "env_file", "env_file_encoding"),
    SecretsSettingsSource: ("secrets_dir", "find_case_path"),
    TomlConfigSettingsSource: ("toml_file_path",),
    YamlConfigSettingsSource: ("yaml_file_path",),
    JsonConfigSettingsSource: ("json_file_path",),
    CliSettingsSource: ("env_vars",),
}
"""Those of instances."""


class Settings(BaseSettings):
    port: int = 1
    tags: list[str] = []


@pytest.mark.parametrize(("owner", "name"), private.NAMES, ids=lambda each: getattr(each, "__name__", each))
def test_each_private_name_is_there(owner, name):
    """Otherwise `private` is the module to mend, and the range of the extra `settings` the one to close."""
    assert hasattr(owner, name), f"pydantic-settings {VERSION} has no {owner.__name__}.{name}: see {private.__name__}"


@pytest.mark.parametrize("source", ATTRIBUTES)
def test_each_attribute_of_a_source_is_there(source):
    """As above."""
    made = source(Settings)
    lacking = [name for name in ATTRIBUTES[source] if not hasattr(made, name)]
    assert not lacking, f"{source.__name__} of pydantic-settings {VERSION} has no {lacking}"


def test_a_broken_variable_is_named_as_we_read_it(monkeypatch):
    """The text of the error is where its field is found."""
    monkeypatch.setenv("TAGS", "[1")
    with pytest.raises(SettingsError, match='field "tags"'):
        EnvSettingsSource(Settings)()


def test_no_other_module_uses_private_names():
    """One place to look."""
    found = [
        f"{path.name}: {owner}.{name}"
        for path in PACKAGE.glob("*.py")
        if path.name != "private.py"
        for owner, name in re.findall(r"\b(\w+)\.(_[a-z]\w*)", path.read_text())
        if owner != "self"
    ]
    assert not found


def test_a_version_without_one_says_so():
    """One sentence that names the version, what it lacks, and what to install, when a watcher is made."""
    program = (
        "from pydantic_settings import BaseSettings, EnvSettingsSource\n"
        "del EnvSettingsSource._load_env_vars\n"
        "from pydantic_settings import PydanticBaseSettingsSource\n"
        "from hotconf import HotReloadWatcher, UsageError\n"
        "class App(BaseSettings): pass\n"
        "try:\n    HotReloadWatcher('x.toml', App)\nexcept UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == (
        f"pydantic-settings {VERSION} has no EnvSettingsSource._load_env_vars: "
        "install a version that works, pip install 'hotconf[settings]'\n"
    )
