"""The pytest plugin: the fixture `hotconf_watcher`. Nothing is imported of a watcher until a test uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.testing import MakeWatcher


@pytest.fixture
def hotconf_watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWatcher]:
    """`hotconf_watcher(Model, "n = 0")`: a handle of a watcher of a file with this text, closed after the test."""
    from contextlib import ExitStack

    from hotconf.testing.making import Maker

    with ExitStack() as stack:
        yield Maker(stack, tmp_path_factory)
