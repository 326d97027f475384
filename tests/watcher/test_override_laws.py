"""Overrides, saves and busy times in any order: what a real watcher publishes is what a simple model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import BaseModel

from hotconf import MISSING, ConfigError, HotReloadWatcher, Problem, ReloadDeferred, ReloadFailed, ReloadUnchanged
from torture.extent import examples
from watcher.watched import FAR, save

pytestmark = pytest.mark.timeout(900)

DEFAULTS = {"a": 0, "b": 0, "c": 0}
KEYS = sorted(DEFAULTS)
MOST = 4

values = st.integers(0, 3)
tables = st.dictionaries(st.sampled_from(KEYS), values)
overrides = st.dictionaries(st.sampled_from(KEYS), st.one_of(values, st.just(MISSING), st.just("wrong")), min_size=1)


class Numbers(BaseModel, frozen=True):
    a: int = 0
    b: int = 0
    c: int = 0


def _sum(config: Numbers) -> list[Problem]:
    return [Problem("too much")] if config.a + config.b + config.c > MOST else []


def effective(table: dict[str, int], over: list[dict[str, Any]]) -> dict[str, int] | None:
    """What readers see of a table and overrides; None if that is not valid."""
    found: dict[str, Any] = dict(table)
    for each in over:
        for key, value in each.items():
            found.pop(key, None)
            if value is not MISSING:
                found[key] = value
    found = DEFAULTS | found
    return None if "wrong" in found.values() or sum(found.values()) > MOST else found


class Overriding(RuleBasedStateMachine):
    """Each step ends with a reload, so that nothing is under way. `disk` is what the file says, None if it is broken;
    `newest` what was accepted last, `bare` the last of it that is good without overrides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "config.toml"
        self.path.write_text("")
        self.watcher = HotReloadWatcher(self.path, Numbers, checks=[_sum], debounce_ms=FAR, allow_empty=True)
        self.watcher.start()
        self.disk: dict[str, int] | None = {}
        self.newest: dict[str, int] = {}
        self.bare: dict[str, int] = {}
        self.published = dict(DEFAULTS)
        self.entered: list[tuple[Any, dict[str, Any]]] = []
        self.busy: Any = None

    def teardown(self) -> None:
        self.watcher.close()
        shutil.rmtree(self.root)

    @property
    def over(self) -> list[dict[str, Any]]:
        return [given for _, given in self.entered]

    def judge(self) -> None:
        """Reload: what must come of the file as it is now."""
        ending = self.watcher.reload()
        found = None if self.disk is None else effective(self.disk, self.over)
        if found is None or self.disk is None:
            assert isinstance(ending, ReloadFailed)
        elif found != self.published and self.busy is not None:
            assert isinstance(ending, ReloadDeferred)
        else:
            assert isinstance(ending, ReloadUnchanged) == (found == self.published)
            self.published, self.newest = found, self.disk
            if effective(self.disk, []) is not None:
                self.bare = self.disk

    @rule(table=tables)
    def save(self, table: dict[str, int]) -> None:
        self.disk = table
        save(self.path, "".join(f"{key} = {value}\n" for key, value in table.items()))
        self.judge()

    @rule()
    def break_it(self) -> None:
        self.disk = None
        save(self.path, "a = \n")
        self.judge()

    @precondition(lambda self: len(self.entered) < 3)
    @rule(given=overrides)
    def enter(self, given: dict[str, Any]) -> None:
        context = self.watcher.override(given)
        found = effective(self.newest, [*self.over, given])
        if found is None:
            before = self.watcher.snapshot
            with pytest.raises(ConfigError) as raised:
                context.__enter__()
            assert {problem.where for problem in raised.value.problems} == {"override"}
            assert self.watcher.snapshot is before
        else:
            context.__enter__()
            self.entered.append((context, given))
            self.published = found
            assert self.watcher.config.model_dump() == found
        self.judge()

    @precondition(lambda self: self.entered)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        context, _ = self.entered.pop(data.draw(st.integers(0, len(self.entered) - 1)))
        context.__exit__(None, None, None)
        bases = [self.newest, self.bare] if self.entered else [self.bare]
        good = [(base, found) for base in bases if (found := effective(base, self.over)) is not None]
        if good:
            self.newest, self.published = good[0]
            assert self.watcher.config.model_dump() == self.published or self.disk != self.newest
        self.judge()

    @precondition(lambda self: self.busy is None)
    @rule()
    def begin(self) -> None:
        self.busy = self.watcher.busy("test")
        self.busy.__enter__()

    @precondition(lambda self: self.busy is not None)
    @rule()
    def end(self) -> None:
        self.busy.__exit__(None, None, None)
        self.busy = None
        if self.disk is not None and (found := effective(self.disk, self.over)) is not None:
            self.published, self.newest = found, self.disk
            if effective(self.disk, []) is not None:
                self.bare = self.disk
        self.judge()

    @invariant()
    def readers_see_what_the_model_says(self) -> None:
        """And know what is overridden."""
        assert self.watcher.config.model_dump() == self.published
        for key in KEYS:
            said = [given[key] for given in self.over if key in given]
            origin = self.watcher.snapshot.origin(key)
            assert origin is not None
            if not self.over:
                assert origin.layer != "override"
            elif said and self.is_in_force:
                assert origin.layer == ("default" if said[-1] is MISSING else "override")

    @property
    def is_in_force(self) -> bool:
        """Not while an override that was left stays in force, because nothing is valid without it."""
        return effective(self.newest, self.over) is not None


Overriding.TestCase.settings = settings(
    max_examples=examples(400, 40),
    stateful_step_count=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOverriding = Overriding.TestCase
