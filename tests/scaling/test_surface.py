"""The fits, on data made from the laws themselves: what was planted is what comes out."""

from dataclasses import replace

import numpy as np
import pytest
from planted import CHANCE, SIZES, STEPS, curve, ladder, saturating, transition

from sizer.errors import MeasurementError
from sizer.scaling.backtests import first_reaching
from sizer.scaling.evidence import check_sizes
from sizer.scaling.law import Context
from sizer.scaling.laws import all_laws
from sizer.scaling.surface import fit_surface

LAWS = {law.name: law for law in all_laws()}
TRANSITION, SATURATING = LAWS["transition"], LAWS["saturating"]


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


class TestSurface:
    def test_a_planted_transition_is_recovered(self):
        fit = planted_fit(TRANSITION, transition)
        ratio = fit.reference_size / 1e5
        planted = {
            "clean_limit": 0.85,
            "gain": 0.12 * ratio**-0.3,
            "rate": 0.3,
            "log_middle": np.log(500 * ratio**0.04),
            "drift": 0.04,
            "log_width": np.log(90 * ratio**-0.15),
            "inverse_nu": 0.15,
            "log_skew": 0.0,
        }
        errors = np.sqrt(np.diag(fit.covariance))
        for name, value, error in zip(fit.names, fit.values, errors, strict=True):
            assert abs(value - planted[name]) < 4 * error, name
            assert error < 0.05, name
        assert fit.trusted
        assert fit.verdict == "the law describes the data"
        assert fit.overdispersion == pytest.approx(1, abs=0.25)
        assert fit.residual_rms < 0.004

    def test_a_planted_saturation_is_recovered(self):
        fit = planted_fit(SATURATING, saturating)
        size, step = np.meshgrid(SIZES, STEPS)
        assert np.abs(fit.accuracy(size, step) - saturating(step, size)).max() < 0.005
        beyond = fit.accuracy(3e6, STEPS) - saturating(STEPS, 3e6)
        assert np.abs(beyond).max() < 0.02
        assert fit.trusted

    @pytest.mark.parametrize(
        ("law", "function"), [(TRANSITION, transition), (SATURATING, saturating)]
    )
    def test_exact_data_are_met_exactly(self, law, function):
        fit = fit_surface(law, ladder(function, SIZES, STEPS, trainings=2, chance=CHANCE))
        limit = 1e-6 if law is TRANSITION else 2e-3  # splines of eight knots are no powers
        assert fit.residual_rms < limit

    @pytest.mark.parametrize("name", [name for name in LAWS if name != "saturating"])
    def test_every_law_recovers_itself(self, name):
        """A ladder made by the law from values far from any start, met again exactly."""
        law, reference = LAWS[name], 1e5
        planted = {
            "clean_limit": 0.8, "gain": 0.1, "rate": 0.35, "log_middle": 6.0, "drift": 0.05,
            "log_width": 4.6, "inverse_nu": 0.2, "log_skew": -0.4,
            "middle_correction": 0.1, "width_correction": -0.1,
            "log_height": -0.5, "growth": 0.08, "critical_step": 350.0, "offset": 60.0,
            "log_half_noise": 5.5, "half_noise_growth": 0.1,
            "log_steepness": 0.6, "steepness_growth": 0.05,
        }  # fmt: skip
        if name == "no-ceiling":
            planted |= {"gain": 0.4, "rate": 0.15}
        values = np.array([planted[one] for one in law.names(8)])

        def made(step, size):
            x = np.full_like(step, np.log(size / reference))
            return law.at(x, step, Context(CHANCE, (), reference))(values)

        curves = ladder(made, (*SIZES, 3_000_000), STEPS, trainings=2, chance=CHANCE)
        fit = fit_surface(law, curves)
        assert fit.residual_rms < 1e-5
        beyond = fit.accuracy(2e7, STEPS) - made(STEPS, 2e7)
        assert np.abs(beyond).max() < 1e-3

    def test_the_error_is_that_of_fits_to_other_draws(self):
        """Ten ladders drawn anew: their fits scatter as the error of one of them says."""
        fits = [planted_fit(TRANSITION, transition, trials=3000, seed=seed) for seed in range(10)]
        spread = np.std([fit.accuracy(3e6, 500.0) for fit in fits], ddof=1)
        stated = np.mean([fit.accuracy_error(3e6, 500.0) for fit in fits])
        assert 0.4 < stated / spread < 2.5

    def test_the_unit_of_noise_does_not_matter(self):
        def scaled(factor):
            curves = ladder(
                transition,
                SIZES,
                STEPS,
                trainings=2,
                trials=3000,
                chance=CHANCE,
                random=np.random.default_rng(0),
            )
            steps = tuple((STEPS * factor).tolist())
            return fit_surface(TRANSITION, [replace(one, steps=steps) for one in curves])

        one, other = scaled(1), scaled(1e-9)
        assert other.accuracy(3e6, 400e-9) == pytest.approx(one.accuracy(3e6, 400), abs=1e-4)
        assert other.accuracy_error(3e6, 400e-9) == pytest.approx(
            one.accuracy_error(3e6, 400), rel=0.02
        )
        assert other.trusted

    def test_an_inversion_finds_the_size_again(self):
        fit = planted_fit(TRANSITION, transition)
        sizes = np.geomspace(1e3, 1e9, 1000)
        for size in (2e4, 4e5, 5e6):
            target = float(fit.accuracy(size, 450))
            found = first_reaching(sizes, fit.accuracy(sizes, 450), target)
            assert found == pytest.approx(size, rel=1e-4)


class TestVerdicts:
    def test_data_that_contradict_the_law(self):
        def stepped(step, size):
            return 0.5 + 0.4 * ((np.log10(size) * 2).round() % 2) - 0.3 * (step > 500)

        fit = planted_fit(TRANSITION, stepped)
        assert not fit.trusted
        assert "the data contradict the law: it misses the mean of a size by 0." in fit.verdict

    @pytest.mark.parametrize("trials", [20, 100])
    def test_few_images_do_not_contradict_a_true_law(self, trials):
        """Counting alone keeps the points 0.03 to 0.06 away from it."""
        assert planted_fit(TRANSITION, transition, trials=trials).trusted

    def test_too_few_trained_models(self):
        curves = ladder(transition, SIZES[::2], STEPS, chance=CHANCE, trials=1000)
        fit = fit_surface(LAWS["logistic"], curves)
        assert not fit.trusted
        assert "too few trained models for an interval: 3 models" in fit.verdict

    def test_two_sizes_are_refused(self):
        with pytest.raises(MeasurementError, match="2 different sizes; a scaling law needs 3"):
            fit_surface(TRANSITION, ladder(transition, SIZES[:2], STEPS, trainings=9))
        with pytest.raises(MeasurementError, match="1 different sizes"):
            check_sizes([5, 5, 5])

    def test_two_steps_are_refused(self):
        with pytest.raises(MeasurementError, match="2 noise steps are too few for a law"):
            fit_surface(TRANSITION, ladder(transition, SIZES, [0, 500], trainings=2))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize(
        ("share", "trials", "chance"),
        [(0.0, 100, 0.0), (1.0, 100, 0.0), (0.0, 1, 0.1), (0.5, 2, 0.5), (0.3, 1000, 0.3)],
    )
    def test_curves_that_say_nothing_give_finite_figures_and_words(
        self, law, share, trials, chance
    ):
        fit = fit_surface(
            law, [curve(f"m{n}-{i}", n, STEPS, share, trials, chance) for n in SIZES for i in "ab"]
        )
        figures = [*fit.values, *np.ravel(fit.covariance), fit.residual_rms]
        assert np.all(np.isfinite(figures))
        assert fit.verdict

    def test_a_law_with_two_parameters_for_one_effect_is_not_determined(self):
        def at(x, step, context):
            surface = TRANSITION.at(x, step, context)
            return lambda v: surface(np.array([*v[:4], v[4] + v[6], v[5], 0 * v[6] + 0.15, v[7]]))

        fit = planted_fit(replace(TRANSITION, at=at), transition)
        assert not fit.trusted
        assert fit.verdict == "the measurements do not determine every parameter of the law"

    def test_where_only_one_size_was_measured_the_others_are_uncertain(self):
        curves = ladder(
            saturating,
            SIZES,
            STEPS,
            trainings=2,
            trials=1000,
            chance=CHANCE,
            random=np.random.default_rng(0),
        )
        short = [
            replace(one, steps=one.steps[:8], correct=one.correct[:8], trials=one.trials[:8])
            if one.model.parameters < SIZES[-1]
            else one
            for one in curves
        ]
        fit = fit_surface(SATURATING, short)
        assert fit.accuracy_error(SIZES[0], 100) < 0.02
        assert fit.accuracy_error(SIZES[-1], 800) < 0.02
        assert fit.accuracy_error(SIZES[0], 800) > 0.3

    def test_steps_that_straddle_the_fall_do_not_fix_its_place(self):
        """Three steps, of which one lies in the fall: position and width cannot be told apart."""
        random = np.random.default_rng(0)
        steps = [0, 400, 4000]
        curves = ladder(
            transition, SIZES, steps, trainings=2, trials=1000, chance=CHANCE, random=random
        )
        fit = fit_surface(TRANSITION, curves)
        assert fit.accuracy_error(1e6, 400) < 0.05
        assert fit.accuracy_error(1e6, 700) > 0.1

    def test_fewer_measurements_than_parameters_are_refused(self):
        curves = [curve(f"m{n}", n, (i, 10.0 + i), (0.8, 0.3)) for i, n in enumerate(SIZES[:3])]
        with pytest.raises(MeasurementError, match="6 measurements are too few for the"):
            fit_surface(SATURATING, curves)

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_one_trial_a_cell_and_steps_that_differ_between_models(self, law):
        random = np.random.default_rng(2)
        curves = [
            curve(f"m{n}-{i}", n, STEPS[i::3], transition(STEPS[i::3], n), 1, CHANCE, random)
            for n in SIZES
            for i in range(3)
        ]
        assert np.all(np.isfinite(fit_surface(law, curves).covariance))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize("width", [0.0, -1e4, 1e4])
    def test_wherever_the_search_wanders_the_law_is_a_number(self, law, width):
        """Curves that are all one or zero lead it to falls of no width at no step at all."""
        context = Context(0.1, tuple(STEPS[:5]), 1e5)
        values = np.array([0.9, 0.1, 0.3, width, 0.1, width, 0.1, 0.0, 0.2, 0.2, 0.3, 0.3])
        names = law.names(len(context.knots))
        x, steps = (axis.ravel() for axis in np.meshgrid([-20.0, 0.0, 20.0], STEPS[:5]))
        assert np.all(np.isfinite(law.at(x, steps, context)(values[: len(names)])))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_huge_sizes(self, law):
        sizes = [size * 10**9 for size in SIZES]
        curves = ladder(lambda t, n: transition(t, n / 1e9), sizes, STEPS, trainings=2)
        assert fit_surface(law, curves).residual_rms < 0.05
