"""Latencies as charts made of characters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.report.latency import NOTHING, PHASES, histogram, phase_bars
from hotconf.subscribers.stats import PhaseStats


def phase(p50: float, p95: float, count: int = 9) -> PhaseStats:
    """A phase with these percentiles."""
    return PhaseStats(count, p50, p95, p95, p95)


def test_nothing_measured_is_said_in_words():
    """Rather than drawn as an empty chart."""
    assert histogram([], width=40, height=5) == histogram([math.nan], width=40, height=5) == (NOTHING,)
    assert phase_bars({}, width=40) == phase_bars({"read": phase(0, 0, count=0)}, width=40) == (NOTHING,)


def test_a_histogram():
    """Columns over an axis in milliseconds, from 0 to the next round number."""
    values = [0.1] * 4 + [0.3] * 2 + [0.45]
    assert histogram(values, width=30, height=4) == (
        "      █                       ",
        "      █           ▄           ",
        "      █           █        ▆  ",
        "0            0.25       0.5 ms",
    )


def test_one_value_is_seen():
    """The highest column has the whole height, and the least one an eighth of a line."""
    chart = histogram([0.3] * 255 + [0.9], width=20, height=5)
    assert [line[6] for line in chart[:-1]] == ["█"] * 4
    assert chart[-2][18] == "▁"


def test_an_outlier_does_not_flatten_the_rest():
    """It is counted in the last column, and the axis says so."""
    chart = histogram([0.3] * 100 + [0.5] * 100 + [900.0], width=40, height=4)
    assert chart[-1].endswith("≥ 2 ms")
    assert chart[-2][-1] == "▁"
    assert len(set(chart[-2])) > 2


def test_equal_values_and_zeros_make_a_column():
    """There is no division by nothing."""
    for value in (0.0, -0.5, 1e-9, 7.0):
        chart = histogram([value] * 3, width=30, height=3)
        assert sum(line.count("█") for line in chart) == 2


@given(st.lists(st.floats(-1, 1e6), min_size=1, max_size=60), st.integers(1, 80), st.integers(1, 12))
def test_a_histogram_has_the_size_that_was_asked_for(values, width, height):
    """Whatever the values are; and every value is in it."""
    chart = histogram(values, width=width, height=height)
    assert len(chart) == max(height, 2)
    assert {len(line) for line in chart} == {width}
    assert "".join(chart[:-1]).strip()


def test_bars_have_one_scale():
    """Solid to the median, light to the 95th percentile, with both in milliseconds."""
    phases = {
        "swap": phase(0.25, 0.5),
        "overhead": phase(0.5, 1.0),
        "detect": phase(0.0, 0.0),
        "settle": phase(300, 300),
    }
    assert phase_bars(phases, width=40) == (
        "                              p50 p95 ms",
        "detect                      0.000  0.000",
        "swap     ████▎░░░           0.250  0.500",
        "overhead ████████▌░░░░░░░░  0.500   1.00",
    )


def test_a_phase_that_took_any_time_has_a_bar():
    """However short it is beside the others."""
    assert phase_bars({"swap": phase(0.001, 0.001), "overhead": phase(9, 9)}, width=40)[1].split()[1] == "▏"


def test_phases_stand_in_the_order_of_the_work():
    """Those that were measured; not `settle`, which is the user's window."""
    names = [
        line.split()[0] for line in phase_bars(dict.fromkeys(("settle", *reversed(PHASES)), phase(1, 2)), width=60)
    ]
    assert names[1:] == ["detect", "read", "parse", "validate", "swap", "overhead"]


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0004, "0.000"), (0.4126, "0.413"), (4.126, "4.13"), (41.26, "41.3"), (4126.0, "4126")]
)
def test_figures_have_the_digits_that_matter(value, shown):
    """Three, if there are so many."""
    assert phase_bars({"read": phase(value, value)}, width=60)[1].split()[-1] == shown


@given(
    st.dictionaries(st.sampled_from(PHASES), st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1),
    st.integers(24, 100),
)
def test_bars_fit(percentiles, width):
    """Whatever was measured."""
    lines = phase_bars({name: phase(min(both), max(both)) for name, both in percentiles.items()}, width=width)
    assert {len(line) for line in lines} == {width}
