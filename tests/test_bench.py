"""What the bench makes of its samples. That it runs is seen by running it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from bench import page, plot
from bench.budget import Budget
from bench.table import Row, rendered, spread, within


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
