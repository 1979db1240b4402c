"""The laws themselves: their landmarks, their limits, and where they are found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import CHANCE, SIZES, STEPS, ladder, transition

from sizer.noise import linear_schedule
from sizer.noise.schedule import HALF_RANGE
from sizer.scaling import laws
from sizer.scaling.backtests import first_reaching
from sizer.scaling.law import Context, derivatives, noise_ratio
from sizer.scaling.laws import all_laws, law_named, law_names
from sizer.scaling.surface import fit_surface

LAWS = {law.name: law for law in all_laws()}
TRANSITION, SATURATING = LAWS["transition"], LAWS["saturating"]


class TestRegistry:
    def test_every_file_is_a_law_named_as_it_is(self):
        files = Path(laws.__file__).parent.glob("[!_]*.py")
        assert law_names() == tuple(sorted(file.stem.replace("_", "-") for file in files))
        assert [law_named(name).name for name in law_names()] == list(law_names())

    def test_a_new_file_is_a_new_law(self, tmp_path, monkeypatch):
        """Nothing else is touched; it is found, and fits a ladder of its own making."""
        (tmp_path / "straight.py").write_text(STRAIGHT)
        monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
        assert "straight" in law_names()
        fit = fit_surface(law_named("straight"), ladder(straight, SIZES, STEPS, trainings=2))
        assert fit.law == "straight"
        assert fit.values[1:] == pytest.approx((0.05, 0.5), abs=1e-6)
        assert fit.accuracy(1e6, 500.0) == pytest.approx(straight(500.0, 1e6))

    @pytest.mark.parametrize("name", ["unheard-of", "", "..falls", "os"])
    def test_no_other_name_is_a_law(self, name):
        with pytest.raises(KeyError):
            law_named(name)


STRAIGHT = '''"""A straight line in the step and in the logarithm of the size."""

import numpy as np

from sizer.scaling.law import Law


def _at(x, steps, context):
    share = steps / context.knots[-1]
    return lambda v: v[0, ..., None] + v[1, ..., None] * x - v[2, ..., None] * share


LAW = Law(
    name="straight",
    equation="acc = a + b ln(N/N0) - d t/t_last",
    names=lambda knots: ("height", "slope", "fall"),
    at=_at,
    starts=lambda points, context: [np.array([points.observed.max(), 0.0, 0.5])],
)
'''


def straight(step, size):
    return 0.7 + 0.05 * np.log(size / 1e5) - 0.5 * step / 1000


class TestLaws:
    CONTEXT = Context(0.1, (0.0, 300.0, 1000.0), 1e5)

    def test_the_transition_at_its_landmarks(self):
        values = np.array([0.9, 0.1, 0.3, np.log(500), 0.1, np.log(50), 0.2, 0.0])
        x, step = np.array([0.0, 0.0, 0.0]), np.array([0.0, 500, 1e6])
        reached = TRANSITION.at(x, step, self.CONTEXT)(values)
        half = 0.1 + 0.7 / 2 / (1 / (1 + np.exp(-10)))
        assert reached == pytest.approx([0.8, half, 0.1])

    def test_the_transition_as_written_out_again(self):
        context = replace(self.CONTEXT, chance=CHANCE)
        values = np.array([0.85, 0.12, 0.3, np.log(500), 0.04, np.log(90), 0.15, 0.0])
        size, step = np.meshgrid(SIZES, STEPS)
        reached = TRANSITION.at(np.log(size / 1e5), step, context)(values)
        np.testing.assert_allclose(reached, transition(step, size), rtol=1e-12)

    def test_the_saturating_law_at_its_knots(self):
        values = np.array([0.9, 0.8, 0.5, 0.1, 0.2, 0.3, 0.4, 0.2])
        x, step = np.log([1e4, 1e5, 1e6]) - np.log(1e5), np.array([0.0, 300, 1000])
        reached = SATURATING.at(x, step, self.CONTEXT)(values)
        assert reached == pytest.approx([0.9 - 0.1 * 10**0.4, 0.8 - 0.2, 0.5 - 0.3 * 10**-0.2])

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_names_and_bounds(self, law):
        names = law.names(3)
        assert len(set(names)) == len(names)
        assert set(law.bounds) <= set(names)
        low, high = law.limits(names).T
        assert np.all(low < high)

    @pytest.mark.parametrize(
        ("law", "limit"), [(TRANSITION, 0.5), (LAWS["no-ceiling"], 1.0), (SATURATING, 0.5)]
    )
    def test_the_limit_of_infinite_size(self, law, limit):
        values = np.full(len(law.names(3)), 0.5)
        x, step = np.array([-10.0, 0, 10, 30]), np.zeros(4)
        rising = law.at(x, step, self.CONTEXT)(values)
        assert np.all(np.diff(rising) >= 0)
        assert rising[-1] == pytest.approx(limit, abs=1e-5)

    def test_simpler_laws_are_members_of_the_larger(self):
        """Without skew, correction or a ceiling below one, all of them are one law."""
        values = dict(
            zip(TRANSITION.names(3), (1.0, 0.3, 0.3, 6.2, 0.04, 4.5, 0.15, 0.0), strict=True)
        )
        size, step = np.meshgrid(SIZES, STEPS)
        x = np.log(size / 1e5)
        expected = TRANSITION.at(x, step, self.CONTEXT)(np.array(list(values.values())))
        for name in ("logistic", "no-ceiling", "corrected"):
            law = LAWS[name]
            own = np.array([values.get(one, 0.0) for one in law.names(3)])
            np.testing.assert_allclose(law.at(x, step, self.CONTEXT)(own), expected, rtol=1e-12)

    def test_the_papers_form_collapses(self):
        """(acc - c) N^lambda is one function of (t - t_c) N^(1/nu)."""
        law, growth, critical, inverse_nu = LAWS["finite-size"], 0.1, 300.0, 0.28
        values = np.array([-1.0, growth, critical, 40.0, 4.0, inverse_nu, -0.3])
        scaled = np.linspace(-300, 300, 41)
        master = []
        for x in (-2.0, 0.0, 3.0):
            step = critical + scaled * np.exp(-inverse_nu * x)
            found = law.at(np.full_like(step, x), step, self.CONTEXT)(values)
            master.append((found - self.CONTEXT.chance) * np.exp(-growth * x))
        np.testing.assert_allclose(master[1:], [master[0]] * 2, rtol=1e-9)

    def test_the_scale_free_law_is_one_curve_of_the_scaled_noise(self):
        """At its half noise half of the clean accuracy is left, at every size, in every unit."""
        law, share = LAWS["scale-free"], np.array([0.0, 0.5, 1.0, 2.0])
        values = np.array([0.8, 0.1, 0.3, np.log(0.4), 0.2, np.log(1.5), 0.0])
        for schedule in (None, "linear"):
            context = replace(self.CONTEXT, noise=noise_ratio(schedule))
            for x in (-1.0, 0.0, 2.0):
                noise, clean = 0.4 * np.exp(0.2 * x) * share, 0.8 - 0.1 * np.exp(-0.3 * x)
                sigma = [linear_schedule().step_from_sigma(HALF_RANGE * one) for one in noise]
                steps = np.array(sigma) if schedule else noise
                left = (law.at(np.full(4, x), steps, context)(values) - 0.1) / (clean - 0.1)
                assert left == pytest.approx(2 ** -(share**1.5), abs=1e-6)

    @given(
        values=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
        at=st.floats(-2, 2),
    )
    def test_derivatives_of_a_function_that_has_them(self, values, at):
        def function(v):
            return np.array([v[0] * np.exp(v[1] * at), v[2] ** 3, np.sin(v[3])]).T

        v0, v1, v2, v3 = values
        expected = np.zeros((3, 4))
        expected[0, 0] = np.exp(v1 * at)
        expected[0, 1] = v0 * at * np.exp(v1 * at)
        expected[1, 2], expected[2, 3] = 3 * v2**2, np.cos(v3)
        found = derivatives(function, np.array(values))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    def test_the_first_size_that_reaches_a_target(self):
        sizes = np.geomspace(1e3, 1e7, 41)
        values = np.log10(sizes)  # a straight line in ln N, so that the inversion is exact
        assert first_reaching(sizes, values, 5.03) == pytest.approx(10**5.03, rel=1e-9)
        assert first_reaching(sizes, np.minimum(values, 5), 5.03) is None
        assert first_reaching(sizes, values, 2) == 0
        dipping = np.where(sizes > 1e6, 0, values)
        assert first_reaching(sizes, dipping, 5.03) == pytest.approx(10**5.03, rel=1e-9)


def planted_fit(law, function, trials=20_000, seed=0, **options):
    random = np.random.default_rng(seed)
    return fit_surface(
        law,
        ladder(
            function,
            SIZES,
            STEPS,
            trainings=2,
            trials=trials,
            chance=CHANCE,
            random=random,
            **options,
        ),
    )
