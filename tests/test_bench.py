"""What the bench makes of its samples. That it runs is seen by running it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench import page, plot, readme, summary
from bench.budget import Budget
from bench.table import Row, rendered, spread, within

PAGE = Path(page.__file__).parents[1] / "docs" / "performance.md"


def test_a_percentile_is_told_only_of_samples_enough():
    """Of ten samples a p95 would be the maximum: there is a dash."""
    assert spread([1.0] * 19) == "1.00 / – / – / 1.00 ms, n 19"
    assert spread([1.0] * 20) == "1.00 / 1.00 / – / 1.00 ms, n 20"
    assert spread([1.0] * 100) == "1.00 / 1.00 / 1.00 / 1.00 ms, n 100"
    assert spread([]) == "no sample"


@pytest.mark.parametrize(
    ("values", "good"),
    [
        ([1.0] * 20, True),
        ([1.0] * 19, None),
        ([3.0] * 3, False),
        ([1.0] * 17 + [9.0] * 2, False),
        ([1.0] * 3 + [9.0], None),
        ([1.0] * 39 + [9.0] * 2, True),
        ([1.0] * 37 + [9.0] * 3, False),
    ],
)
def test_a_goal_of_two_percentiles_is_judged_when_it_can_be(values, good):
    """Kept only if there are samples enough for both; broken as soon as either is sure to be."""
    assert within(values, 2.0, 5.0) is good


def test_a_part_without_time_measures_what_it_needs():
    """No time left is no reason to tell of nothing; and there is an end even with all the time."""
    assert list(Budget(0).samples(3, 10)) == [0, 1, 2]
    assert list(Budget(3600).samples(3, 10)) == list(range(10))


def test_goals_stand_at_a_glance():
    """By the name that they have there, and without what nobody promised."""
    rows = [Row("  it", "", "≤ 1", "2", False, "the thing"), Row("more", "", "", "3")]
    assert page.glance({"a part": rows}).splitlines()[2] == "| the thing | ≤ 1  | 2        | over |"
    assert "over" in rendered(rows)


@pytest.mark.parametrize(
    "drawn",
    [
        plot.bars("a <title>", "ms", {"idle": {"one": -1.0, "two": 20.0}, "busy": {"two": 1.0}}, floor=0.1),
        plot.curves("a & title", "how many", "ms", {"one": {1: 0.2, 1000: 30.0}, "two": {10: 5.0}}),
    ],
)
def test_plots_are_well_formed(drawn):
    """Whatever is in their texts, and whatever the values."""
    assert ET.fromstring(drawn).tag.endswith("svg")


def test_the_first_screen_says_what_the_rows_say():
    """Ten rows; a dash for what was not measured, and no verdict where the samples are too few for one."""
    rows = [
        Row("save → visible, idle, hotconf", "", "", "0.92 / – / – / 1.30 ms, n 6"),
        Row("save → visible, idle, watchfiles", "", "", "42.89 / – / – / 65.39 ms, n 6"),
        Row("overhead, idle, 8 KB, window of 100 ms", "", "", "1.00 / – / – / 1.54 ms, n 13"),
        Row("at rest, hotconf", "", "", "0.012 % CPU, 0.3 wake-ups/s, 2 threads, +5.8 MB, start 95 ms"),
        Row("  resident memory added, a user's frozen model", "", "≤ 3.5 MB", "6.37 MB (6.37–6.37), n 1", False),
        Row("idle: CPU", "", "", "0.0081 %", True),
    ]
    _, _, *lines = summary.first_screen({"a part": rows}).splitlines()
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len(found) == 10
    assert found[0][1:] == ["0.9 ms", "–", "43 ms", "≤ a sleep + 1 ms", "too few samples"]
    assert found[1][1:] == ["–", "–", "–", "≤ 2 × a sleep + 1 ms", ""]
    assert found[5][1:] == ["0.012 %", "–", "–", "≤ 0.05 %", "met"]
    assert found[7][1:] == ["+5.8 MB", "–", "–", "≤ 3.5 MB", "missed"]


def test_the_readme_has_the_figures_of_the_page():
    """`make bench` writes both; an edit of one of them alone fails here."""
    text, measured = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8"), PAGE.read_text(encoding="utf-8")
    assert readme.renewed(text, measured) == text
    other = measured.replace("0.92 / – / –", "12.34 / – / –").replace("\n- a quick run", "\n- a run")
    found = readme.renewed(text, other)
    assert "| save → visible, beyond the window | 12 ms |" in found
    assert "Medians of a run on" in found
    assert found.count("\n") == text.count("\n")


def test_the_page_and_the_bench_have_the_same_rows():
    """Each row that the first screen asks for is one of the page's, which a run has written."""
    text = PAGE.read_text(encoding="utf-8")
    named = {line.split(" | ")[0].strip("|· ") for line in text.splitlines() if line.startswith("| ")}
    assert {name for line in summary.LINES for name in (line.row, line.judged) if name} <= named


def test_the_fleet_is_measured_by_itself_and_kept(tmp_path: Path) -> None:
    """Its section of the page is renewed alone, and stays when all others are."""
    path = tmp_path / "performance.md"
    page.write(tmp_path, ["a machine"], {"a part": [Row("one", "", "", "1")]}, {})
    before = path.read_text()
    for text in ("first", "second"):
        page.write_fleet(tmp_path, ["another machine"], rendered([Row(text, "", "", "2")]))
    page.write(tmp_path, ["a machine"], {"a part": [Row("one", "", "", "1")]}, {})
    section = path.read_text().partition(page.FLEET)[2].partition(page.HOW)[0]
    assert "second" in section
    assert "first" not in section
    assert path.read_text().replace(page.FLEET + section, "") == before
