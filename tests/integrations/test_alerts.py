"""The alert rules for the metrics: Prometheus' own tool checks them, and tries when they fire."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from hotconf import HotReloadWatcher
from hotconf.integrations.prometheus import Collector
from realtools import need

HERE = Path(__file__).parents[2] / "examples" / "operations"
RULES = yaml.safe_load((HERE / "alerts.yml").read_text())["groups"][0]["rules"]


@pytest.mark.real_tool
@pytest.mark.parametrize("command", ["check rules alerts.yml", "test rules alerts.test.yml"])
def test_promtool_accepts_the_rules_and_their_tests(command: str) -> None:
    """They are well-formed, and fire when they should."""
    done = subprocess.run([need("promtool"), *command.split()], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_about_metrics_that_there_are() -> None:
    """With the labels that these have; and every metric that says that something is wrong has a rule."""
    watcher = HotReloadWatcher("config.toml", dict)
    metrics = {metric.name + "_total" * (metric.type == "counter") + "_info" * (metric.type == "info")
               for metric in Collector(watcher).describe()}  # fmt: skip
    used = {name for rule in RULES for name in re.findall(r"hotconf_\w+", rule["expr"])}
    assert used <= metrics
    assert metrics - used == {
        *("hotconf_generation", "hotconf_reloads_total", "hotconf_reload_failures_total"),
        "hotconf_reload_duration_seconds",
    }


def test_every_rule_is_tried_until_it_fires() -> None:
    """And just before it does."""
    tests = [each for test in yaml.safe_load((HERE / "alerts.test.yml").read_text())["tests"]
             for each in test.get("alert_rule_test", ())]  # fmt: skip
    names = {rule["alert"] for rule in RULES}
    assert {each["alertname"] for each in tests if each.get("exp_alerts")} == names
    assert {each["alertname"] for each in tests if not each.get("exp_alerts")} == names
