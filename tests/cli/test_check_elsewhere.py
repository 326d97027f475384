"""`hotconf check` among other tools: what reads its SARIF, and the hook for pre-commit."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from sarif import loader
from sarif.operations import csv_op, summary_op

from hotconf.cli.app import hotconf
from hotconf.formats.registry import SUFFIXES

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
INVALID = """\
approval_policy = "unknown"
[evidence]
unheard = 1
[model_providers.x]
api_key = "hunter2-planted"
base_url = 5
"""


@pytest.fixture
def report(tmp_path, monkeypatch):
    """A SARIF file about a file and its fragment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my conf").mkdir()
    (tmp_path / "my conf/config.toml").write_text(INVALID + '[hot_reload]\nwatch_paths = ["more.toml"]\n')
    (tmp_path / "my conf/more.toml").write_text("[cost]\ndaily_limit_usd = -1.0\n")
    done = CliRunner().invoke(hotconf, ["check", "--schema", "speckit", "my conf/config.toml", "--format=sarif"])
    assert done.exit_code == 1
    path = tmp_path / "report.sarif"
    path.write_text(done.stdout)
    return path


def test_sarif_tools_reads_the_report(report, capsys):
    """It finds every problem with its level, rule, file and line, and has nothing to say against it."""
    files = loader.load_sarif_files(str(report))
    assert files.get_distinct_tool_names() == ["hotconf"]
    records = files.get_records()
    told = json.loads(
        CliRunner().invoke(hotconf, ["check", "--schema", "speckit", "my conf/config.toml", "--format=json"]).stdout
    )
    assert Counter(record["Severity"] for record in records) == Counter(
        problem["severity"] for problem in told["problems"]
    )
    assert {(record["Location"], record["Line"]) for record in records} == {
        (f"my%20conf/{Path(problem['file']).name}", problem["line"]) for problem in told["problems"]
    }
    summary, table = report.with_name("summary.txt"), report.with_name("table.csv")
    summary_op.generate_summary(files, str(summary), False)
    csv_op.generate_csv(files, str(table), False)
    assert re.search(r"^error: [1-9]", summary.read_text(), re.MULTILINE)
    assert len(table.read_text().splitlines()) == 1 + len(records)
    assert capsys.readouterr().err == ""


def test_the_report_holds_no_secret(report):
    """Nor the lines that could hold one."""
    assert "hunter2" not in report.read_text()


def test_the_hook_checks_the_files_that_it_is_for(tmp_path):
    """pre-commit appends the names of files to the hook's command, which says what is wrong, and by its status."""
    (hook,) = yaml.safe_load(HOOKS.read_text())
    assert (hook["id"], hook["language"]) == ("hotconf-check", "python")
    assert "types" not in hook
    for suffix in (*SUFFIXES, ".TOML"):
        assert re.search(hook["files"], f"config{suffix}")
        assert re.search(hook["files"], f"deploy/config{suffix}")
        assert not re.search(hook["files"], f"deploy/myconfig{suffix}")
    assert not re.search(hook["files"], "config.tomlx")
    program, *arguments = shlex.split(hook["entry"])
    assert program == "hotconf"
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("# fine\n")
    bad.write_text(INVALID)
    (tmp_path / "good.yaml").write_text("model: gpt-5\n")
    (tmp_path / "good.json").write_text("{}")
    all_good = [str(each) for each in sorted(tmp_path.glob("good.*"))]
    assert CliRunner().invoke(hotconf, [*arguments, "--schema", "speckit", *all_good]).exit_code == 0
    assert CliRunner().invoke(hotconf, [*arguments, "--schema", "speckit", str(good), str(bad)]).exit_code == 1
