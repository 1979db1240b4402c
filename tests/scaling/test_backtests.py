"""Which law is believed: the one that predicts left-out large sizes."""

from dataclasses import replace

import numpy as np
import pytest
from planted import CHANCE, EXACT, SIZES, STEPS, ladder, saturating, transition

from sizer.scaling.backtests import backtest, fit_laws
from sizer.scaling.laws import all_laws

LAWS = {law.name: law for law in all_laws()}
TRANSITION = LAWS["transition"]


def prediction_error(law, tests):
    return np.sqrt(np.mean([test.accuracy_rms**2 for test in tests if test.law == law]))


class TestChoice:
    @pytest.mark.parametrize(
        ("true", "function"),
        # the planted transition has no skew: laws with and without one are true
        [({"transition", "logistic"}, transition), ({"saturating"}, saturating)],
    )
    def test_the_true_law_predicts_best_and_is_chosen(self, true, function):
        curves = ladder(
            function,
            (*SIZES, 3_000_000),
            STEPS,
            trainings=2,
            trials=5000,
            chance=CHANCE,
            random=np.random.default_rng(7),
        )
        fits, tests = fit_laws(curves)
        assert fits[0].law in true
        assert {fit.law for fit in fits} == set(LAWS)
        assert {(test.law, test.hold_out, test.models) for test in tests} == {
            (law, count, 2 * count) for law in LAWS for count in (1, 2)
        }
        errors = [prediction_error(fit.law, tests) for fit in fits if fit.trusted]
        assert errors == sorted(errors)
        trusted = [fit.trusted for fit in fits]
        assert trusted == sorted(trusted, reverse=True)

    def test_a_back_test_is_a_fit_that_never_saw_the_largest(self):
        curves = ladder(transition, (*SIZES, 3_000_000), STEPS, trainings=2, chance=CHANCE)
        spoilt = [
            replace(one, correct=(0,) * len(STEPS)) if one.model.parameters > 2e6 else one
            for one in curves
        ]
        good, bad = backtest(TRANSITION, curves, 1), backtest(TRANSITION, spoilt, 1)
        assert good.ratio == bad.ratio == pytest.approx(3)
        assert good.accuracy_rms < 1e-4
        assert good.log10_size_error < 0.01
        truth = transition(STEPS, 3_000_000)
        assert bad.accuracy_rms == pytest.approx(np.sqrt(np.mean(truth**2)), rel=1e-3)
        assert bad.accuracy_worst == pytest.approx(truth.max(), rel=1e-3)

    def test_a_law_that_mispredicts_the_largest_size_is_not_trusted(self):
        """Size stops to buy anything at once; only the largest of seven shows it."""

        def stopped(step, size):
            return saturating(step, size) * (0.85 if size > 2e6 else 1)

        sizes = (*SIZES, 1_700_000, 3_000_000)
        fits, tests = fit_laws(ladder(stopped, sizes, STEPS, trainings=2, chance=CHANCE))
        missed = {test.law: test.accuracy_rms for test in tests if test.hold_out == 1}
        for fit in fits:
            assert missed[fit.law] > 0.03
            assert not fit.trusted
        assert any("the largest size contradicts the law" in fit.verdict for fit in fits)

    def test_too_few_sizes_for_a_back_test(self):
        curves = ladder(transition, SIZES[:4], STEPS, trainings=2)
        assert backtest(TRANSITION, curves, 1) is None

    def test_where_size_buys_nothing_there_is_no_error_in_size(self):
        def flat(step, size):
            return 0.8 / (1 + np.exp((step - 500) / 80)) + 0.0 * size

        curves = ladder(flat, SIZES, STEPS, trainings=2, trials=EXACT)
        assert backtest(TRANSITION, curves, 1).log10_size_error is None
