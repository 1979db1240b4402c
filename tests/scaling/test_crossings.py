"""Where curves cross levels, and how wide their falls are, against curves known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import EXACT, curve

from sizer.noise import linear_schedule
from sizer.scaling.crossings import (
    EQUIDISTANT,
    LOGARITHMIC,
    control_of_step,
    crossings,
    order_parameter,
    widths,
)

SCHEDULE = linear_schedule()
STEPS = np.arange(0, 1001, 100.0)
CHANCE, CLEAN = 0.1, 0.7


def straight(trials=EXACT):
    """From 0.7 at step 0 to chance at step 1000, in a straight line."""
    return curve("straight", 100, STEPS, CLEAN - (CLEAN - CHANCE) * STEPS / 1000, trials, CHANCE)


def places(found):
    return [crossing.at.value for crossing in found]


class TestOrderParameter:
    def test_by_hand(self):
        accuracy = np.array([0.6, 0.35, 0.1])
        assert order_parameter(accuracy, 0.1, "raw").tolist() == [0.6, 0.35, 0.1]
        corrected = order_parameter(accuracy, 0.1, "chance-corrected")
        assert corrected == pytest.approx([5 / 9, 2.5 / 9, 0])
        assert order_parameter(accuracy, 0.1, "normalised") == pytest.approx([1, 0.5, 0])

    def test_each_row_has_its_own_clean_accuracy(self):
        rows = np.array([[0.6, 0.35], [0.2, 0.15]])
        assert order_parameter(rows, 0.1, "normalised")[:, 1] == pytest.approx([0.5, 0.5])

    def test_the_pairs_are_those_of_the_paper(self):
        assert all(low + high == pytest.approx(1) for low, high in (*EQUIDISTANT, *LOGARITHMIC))
        assert [low for low, _ in LOGARITHMIC] == [1 / 4, 1 / 8, 1 / 16, 1 / 32]


class TestCrossings:
    @pytest.mark.parametrize(
        ("kind", "level", "step"),
        [
            ("raw", 0.4, 500),
            ("raw", 0.65, 1000 * 0.05 / 0.6),
            ("chance-corrected", 0.5, 1000 * (CLEAN - 0.55) / 0.6),
            ("normalised", 0.5, 500),
            ("normalised", 0.9, 100),
            ("normalised", 0.03125, 968.75),
        ],
    )
    def test_a_straight_line_is_cut_where_it_should_be(self, kind, level, step):
        (found,) = crossings(straight(), [level], kind)
        assert found.at.value == pytest.approx(step, abs=1e-6)
        assert found.censored is None
        assert (found.model, found.level) == ("straight", level)

    @pytest.mark.parametrize(
        ("control", "function"),
        [
            ("step", np.asarray),
            ("beta", SCHEDULE.beta),
            ("log-step", np.log),
            ("log-snr", SCHEDULE.log_snr),
        ],
    )
    def test_each_control_variable(self, control, function):
        """A curve that is straight in the control variable is cut there exactly."""
        steps = np.array([0.0, 50, 120, 300, 700, 1500])
        control_at = function(steps[1:])
        share = (control_at - control_at[0]) / (control_at[-1] - control_at[0])
        accuracy = np.concatenate([[0.9], 0.9 * (1 - share)])
        at = control_of_step(control, SCHEDULE)
        found = crossings(curve("m", 10, steps, accuracy), [0.8, 0.5, 0.25], "normalised", at)
        expected = [control_at[0] + s * (control_at[-1] - control_at[0]) for s in (0.2, 0.5, 0.75)]
        assert places(found) == pytest.approx(expected, rel=1e-9)

    def test_what_lies_outside_the_measured_range_is_censored(self):
        found = crossings(straight(), [0.8, 0.4, 0.05], "raw")
        assert [crossing.censored for crossing in found] == ["below", None, "above"]
        assert [crossing.at.value is None for crossing in found] == [True, False, True]

    def test_a_plateau_at_the_level_is_left_at_its_end(self):
        plateau = curve("m", 10, [0, 1, 2, 3, 4], [0.9, 0.5, 0.5, 0.5, 0.1])
        assert places(crossings(plateau, [0.5], "raw")) == [pytest.approx(3)]

    def test_a_curve_that_rises_in_between_is_made_to_fall(self):
        """The pooled points of isotonic regression: 0.4 and 0.6 become 0.5."""
        bumpy = curve("m", 10, [0, 1, 2, 3], [0.9, 0.4, 0.6, 0.1])
        assert places(crossings(bumpy, [0.7, 0.3], "raw")) == pytest.approx([0.5, 2.5])

    def test_points_weigh_by_their_trials(self):
        bumpy = curve("m", 10, [0, 1, 2, 3], [0.9, 0.4, 0.6, 0.1], trials=1000)
        uneven = replace(bumpy, correct=(900, 400, 1800, 100), trials=(1000, 1000, 3000, 1000))
        assert places(crossings(uneven, [0.725], "raw")) == [pytest.approx(0.5)]

    @pytest.mark.parametrize("clean", [CHANCE, 0.05])
    def test_a_guesser_crosses_nothing(self, clean):
        guesser = curve("m", 10, STEPS, np.linspace(clean, 0.02, len(STEPS)), chance=CHANCE)
        found = crossings(guesser, [0.9, 0.5, 0.1])
        assert [crossing.censored for crossing in found] == ["above"] * 3

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_nothing_right_or_all_right_everywhere(self, share):
        flat = curve("m", 10, STEPS, share, trials=1)
        assert all(one.at.value is None for one in crossings(flat, [0.9, 0.5]))

    def test_one_step_crosses_nothing(self):
        lonely = curve("lonely", 10, [0], [0.5])
        assert [one.censored for one in crossings(lonely, [0.9, 0.5])] == ["above"] * 2
        assert [one.censored for one in crossings(lonely, [0.9, 0.4], "raw")] == ["below", "above"]
        assert all(one.width.value is None for one in widths(lonely))

    @settings(max_examples=50)
    @given(
        falls=st.lists(st.integers(1, 1000), min_size=1, max_size=12),
        data=st.data(),
    )
    def test_a_level_inside_the_range_is_crossed_once(self, falls, data):
        """On a falling curve the crossing is the one point where the broken line has the level."""
        accuracy = 1 - np.cumsum([0, *falls]) / (sum(falls) + 1)
        steps = np.arange(len(accuracy)) * 10.0
        level = data.draw(st.floats(accuracy[-1] + 1e-6, accuracy[0] - 1e-6))
        (found,) = crossings(curve("m", 10, steps, accuracy), [level], "raw")
        assert np.interp(found.at.value, steps, accuracy) == pytest.approx(level, abs=1e-9)


def smooth(step, middle, width):
    return 1 / (1 + np.exp((step - middle) / width))


class TestWidths:
    def test_of_a_straight_line(self):
        found = widths(straight())
        assert [one.levels for one in found] == list(EQUIDISTANT)
        assert [one.width.value for one in found] == pytest.approx([800, 600, 400, 200])
        assert {(one.model, one.parameters) for one in found} == {("straight", 100)}

    def test_a_censored_end_leaves_no_width(self):
        cut_short = curve("m", 10, [0, 100, 200], [1.0, 0.8, 0.3])
        found = {one.levels: one.width.value for one in widths(cut_short)}
        assert found[0.1, 0.9] is None
        assert found[0.2, 0.8] is None
        assert found[0.4, 0.6] == pytest.approx(40)

    def test_both_ends_censored_on_one_side(self):
        assert all(one.width.value is None for one in widths(curve("m", 10, [0, 9], [0.9, 0.85])))

    @settings(max_examples=40)
    @given(middle=st.floats(300, 600), width=st.floats(5, 60), trials=st.integers(20, 500))
    def test_never_negative_and_wider_for_a_wider_pair(self, middle, width, trials):
        noisy = curve(
            "m",
            10,
            STEPS,
            smooth(STEPS, middle, width),
            trials,
            random=np.random.default_rng(trials),
        )
        found = [one.width for one in widths(noisy)]
        known = [one.value for one in found if one.value is not None]
        assert known == sorted(known, reverse=True)
        assert all(value >= 0 for value in known)
        for one in found:
            if one.low is not None:
                assert 0 <= one.low <= one.value <= one.high

    @settings(max_examples=40)
    @given(scale=st.floats(1e-6, 1e6), width=st.floats(20, 80))
    def test_another_unit_of_noise_rescales_them(self, scale, width):
        accuracy = smooth(STEPS, 450, width)
        one, other = (widths(curve("m", 10, STEPS * s, accuracy, 1000)) for s in (1, scale))
        for before, after in zip(one, other, strict=True):
            for name in ("value", "low", "high"):
                known = getattr(before.width, name)
                assert getattr(after.width, name) == (
                    None if known is None else pytest.approx(scale * known, rel=1e-9)
                )

    def test_intervals_shrink_as_the_root_of_the_trials(self):
        reach = []
        for trials in (400, 40_000):
            accuracy = smooth(STEPS, 450, 80)
            (width,) = widths(curve("m", 10, STEPS, accuracy, trials), [(0.2, 0.8)])
            reach.append(width.width.high - width.width.low)
        assert reach[0] / reach[1] == pytest.approx(10, rel=0.3)

    def test_intervals_cover_the_truth_as_often_as_they_say(self):
        """90 % nominal; 100 curves drawn from a straight line, whose widths no grid distorts."""
        random, covered = np.random.default_rng(5), 0
        accuracy = 0.95 - 0.9 * STEPS / 1000
        for i in range(100):
            drawn = curve(f"m{i}", 10, STEPS, accuracy, 2000, random=random)
            (width,) = widths(drawn, [(0.3, 0.7)], "raw")
            covered += width.width.low <= 400 / 0.9 <= width.width.high
        assert 82 <= covered <= 97

    def test_an_interval_holds_the_value_where_resampling_only_narrows(self):
        """A straight line at its widest: nine tenths of its replicates are narrower."""
        line = replace(curve("m", 10, [0, 100, 200], 0.5, 29), correct=(26, 13, 0))
        for width in widths(line):
            assert width.width.low < width.width.value <= width.width.high

    def test_no_bounds_where_resampled_curves_leave_the_range(self):
        """The last point has barely passed the lower level: half of its replicates have not."""
        barely = curve("m", 10, [0, 100, 200], [0.9, 0.5, 0.199], trials=1000)
        (width,) = widths(barely, [(0.2, 0.8)], "raw")
        assert width.width.value is not None
        assert (width.width.low, width.width.high) == (None, None)
