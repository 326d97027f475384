"""What all rooms' tests share."""

from __future__ import annotations

import pytest

# Here, before any room imports another's: their assertions explain themselves.
pytest.register_assert_rewrite("torture.harness", "watcher.watched")
