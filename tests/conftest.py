"""What all rooms' tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Here, before any room imports another's: their assertions explain themselves.
pytest.register_assert_rewrite("torture.harness", "watcher.watched")

# CI systems ask for colours, and so do some people; tests that want them say so.
for name in ("FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)

# A slow machine is slow, and nothing else.
settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
