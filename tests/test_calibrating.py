"""The whole line from images to advice, with scripted models whose law is known."""

from dataclasses import replace

import numpy as np
import pytest
from here import here
from planted import curve, write_table
from planted_models import CUT, NOISE, SIZES, models, planted_accuracy
from scripted import ScriptedImages
from scripted_ladder import MemoryStore

from sizer.calibration import load
from sizer.errors import CalibrationError, MeasurementError, UsageError
from sizer.fitting import fit, fit_measurements
from sizer.measure.ladder import measure_ladder
from sizer.measure.rounds import BRACKET_STEPS
from sizer.noise import linear_schedule
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement
from sizer.prediction.recommend import recommend
from sizer.progress import ignore_progress
from sizer.scaling.analysis import NO_CROSSING, NO_WIDTH_LAW, NOT_CLEAN
from sizer.scaling.crossings import Cut

IMAGES = ScriptedImages(2000)
STEPS = tuple(np.round(900 * np.linspace(0, 1, 26) ** 1.25).tolist())


def measured_ladder(ladder, store, steps, progress=lambda phase: ignore_progress, **options):
    options = {"tolerance": 0.1, "cut": CUT, "images": None} | options
    images = options.pop("images")
    given = (ladder, IMAGES, NOISE, store, steps, images, progress)
    return measure_ladder(*given, engine=here, **options)


def calibrated(store, steps=STEPS, cut=CUT, **options):
    phases = []

    def progress(phase):
        phases.append(phase)
        return ignore_progress

    ladder = models(**options)
    measured = measured_ladder(ladder, store, steps, progress)
    calibration = fit_measurements(
        models=tuple(model.info for model in ladder),
        cells=measured.cells,
        chance=0.1,
        schedule=linear_schedule(),
        dataset=IMAGES.info,
        cut=cut,
        warnings=measured.warnings,
    )
    return calibration, phases


@pytest.fixture(scope="module")
def store():
    return MemoryStore()


@pytest.fixture(scope="module")
def calibration(store):
    return calibrated(store)[0]


class TestPlantedLaw:
    @pytest.mark.parametrize(("step", "size"), [(0, 200_000), (300, 100_000), (450, 700_000)])
    def test_the_size_is_found(self, calibration, step, size):
        target = float(planted_accuracy(step, size))
        advice = advise(calibration, Requirement(step, target, 0.9))
        assert advice.verdict == "recommended"
        sizes = advice.parameters
        assert sizes.low <= size <= (sizes.high or np.inf)
        assert sizes.best == pytest.approx(size, rel=0.25)
        assert size < sizes.recommended < 4 * size

    def test_beyond_the_ladder(self, calibration):
        target = float(planted_accuracy(400, 2_000_000))
        advice = advise(calibration, Requirement(400, target, 0.9))
        assert advice.parameters.low <= 2_000_000
        assert advice.parameters.best == pytest.approx(2_000_000, rel=0.4)

    def test_above_the_ceiling(self, calibration):
        assert advise(calibration, Requirement(650, 0.98, 0.9)).verdict != "recommended"
        clean = advise(calibration, Requirement(0, 0.98, 0.9))
        assert clean.verdict != "recommended"
        assert clean.ceiling.low <= 0.9 <= clean.ceiling.high

    def test_the_exponent_of_the_widths(self, calibration):
        """0.1 planted in the logistic; its start at step 0 moves the levels' own by up to 0.01."""
        exponent = calibration.width_law.exponent
        assert exponent.value == pytest.approx(0.1, abs=0.03)
        assert exponent.low - 0.01 <= 0.1 <= exponent.high + 0.01

    def test_the_law_that_was_planted_is_chosen(self, calibration):
        assert calibration.fit.law in {"transition", "logistic"}  # planted without a skew
        assert calibration.fit.trusted
        assert calibration.fit.residual_rms < 0.01
        assert calibration.fit.values[calibration.fit.names.index("drift")] == pytest.approx(
            0.03, abs=0.01
        )
        assert not calibration.warnings


class TestRepeats:
    def test_the_same_line_again_gives_the_same_and_runs_nothing(self, calibration, store):
        kept = len(store.added)
        again, _ = calibrated(store)
        assert again == calibration
        assert len(store.added) == kept > 0

    def test_and_so_do_models_in_another_order_from_scratch(self, calibration):
        found = measured_ladder(models()[::-1], MemoryStore(), STEPS)
        assert set(found.cells) == set(calibration.cells)


class TestAutomaticSteps:
    def test_they_end_where_every_model_guesses(self, store):
        found, phases = calibrated(store, steps=None, sizes=SIZES[::2])
        assert phases[:2] == ["finding the transition", "sharing out the steps"]
        assert phases[-1] == "closing in on the levels"
        last = {max(c.step for c in found.cells if c.model == m.name) for m in found.models}
        assert len(last) == 1
        assert last <= set(BRACKET_STEPS)
        (end,) = last
        beyond = [planted_accuracy(end, size) for size in SIZES]
        assert max(beyond) < 0.1 + 0.05
        before = BRACKET_STEPS[BRACKET_STEPS.index(end) - 1]
        assert max(planted_accuracy(before, size) for size in SIZES) > 0.1 + 0.01
        assert found.width_law.censored == 0

    def test_models_that_only_guess_have_no_transition(self):
        guessing = [replace(m, accuracy=lambda step, n: np.full(len(step), 0.1)) for m in models()]
        found = measured_ladder(guessing, MemoryStore(), None)
        assert max(cell.step for cell in found.cells) <= BRACKET_STEPS[3]
        assert len(found.warnings) == len(guessing)

    def test_models_that_never_fall_are_followed_to_the_end(self):
        steady = [replace(m, accuracy=lambda step, n: np.full(len(step), 0.8)) for m in models()]
        found = measured_ladder(steady, MemoryStore(), None)
        assert max(cell.step for cell in found.cells) == 5000


class TestLadders:
    def test_two_sizes_have_curves_and_widths_but_no_law(self):
        found, _ = calibrated(MemoryStore(), sizes=SIZES[:2])
        assert len(found.widths) == 4 * 4
        assert all(width.width.low is not None for width in found.widths)
        assert (found.fit, found.width_law, found.collapse) == (None, None, None)
        assert found.laws == found.backtests == ()
        assert found.fit_warnings[0].startswith("2 different sizes: no width law")

    def test_no_crossings(self, store):
        found, _ = calibrated(store, steps=(0.0, 1.0, 2.0))
        assert found.width_law is None
        assert NO_CROSSING in found.fit_warnings

    @pytest.mark.parametrize(
        ("control", "levels"),
        [("log-step", "logarithmic"), ("log-snr", "equidistant")],
    )
    def test_other_cuts(self, calibration, control, levels):
        cut = Cut("chance-corrected", control, levels)
        found = fit_measurements(
            models=calibration.models,
            cells=calibration.cells,
            chance=0.1,
            schedule=linear_schedule(),
            dataset=None,
            cut=cut,
        )
        assert found.width_law.control == control
        assert found.width_law.order_parameter == "chance-corrected"
        lowest = 0.1 if levels == "equidistant" else 2.0**-5
        assert min(pair[0] for pair in {width.levels for width in found.widths}) == lowest


class TestFiles:
    def test_a_calibration_survives_its_file(self, calibration, tmp_path):
        path = tmp_path / "mine.json"
        calibration.save(path)
        assert load(path) == calibration

    def test_fitting_a_calibration_again_gives_the_same(self, calibration, tmp_path):
        path = tmp_path / "mine.json"
        calibration.save(path)
        again = fit(path)
        assert replace(again, request=None) == calibration
        assert again.request.measurements == str(path)

    def test_what_a_fit_warns_of_is_said_once_and_only_of_that_fit(self, calibration, tmp_path):
        path = tmp_path / "mine.json"
        noisy = tuple(cell for cell in calibration.cells if cell.step > 0)
        stale = ("the data are odd", NO_WIDTH_LAW, NOT_CLEAN)
        replace(calibration, cells=noisy, warnings=stale).save(path)
        again = fit(path)
        assert (again.warnings, again.fit_warnings) == (("the data are odd",), (NOT_CLEAN,))
        assert fit(path, order_parameter="raw").fit_warnings == ()

    def test_a_table_of_the_same_counts_gives_the_same_fit(self, calibration, tmp_path):
        curves = calibration.curves
        table = write_table(tmp_path / "mine.csv", curves)
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())  # as spreadsheets do
        found = fit(table)
        assert replace(found.fit, schedule="linear") == calibration.fit
        assert found.width_law == calibration.width_law
        assert found.schedule is None

    def test_a_table_has_no_schedule_to_cut_by(self, planted_table):
        with pytest.raises(UsageError, match="--control beta needs steps of a noise schedule"):
            fit(planted_table, control="beta")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"trials": 2000', '"trials": 0'),
            ('"correct": 1', '"correct": -1'),
            ('"version": 1,', '"version": 99,'),
            ('"model": "m10000-0"', '"model": "nobody"'),
            ('"law": "transition"', '"law": "unheard-of"'),
        ],
    )
    def test_an_edited_file_is_refused(self, calibration, tmp_path, old, new):
        path = tmp_path / "mine.json"
        calibration.save(path)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(CalibrationError, match=r"mine\.json: .*make"):
            load(path)


class TestNoiseOfAQuestion:
    def test_in_any_unit(self, calibration):
        schedule = linear_schedule()
        sizes = [
            recommend(calibration, accuracy=0.6, **noise).parameters.best
            for noise in (
                {"step": 300.0},
                {"sigma": schedule.sigma(300)},
                {"snr_db": schedule.snr_db(300)},
            )
        ]
        assert sizes == pytest.approx([sizes[0]] * 3)

    @pytest.mark.parametrize("noise", [{}, {"step": 300, "sigma": 60}, {"step": 1, "snr_db": 1}])
    def test_it_is_given_once(self, calibration, noise):
        with pytest.raises(UsageError, match="give the noise once"):
            recommend(calibration, accuracy=0.6, **noise)

    def test_a_table_has_its_own_unit(self, planted_calibration):
        with pytest.raises(UsageError, match="its own unit: give --noise-step"):
            recommend(planted_calibration, accuracy=0.6, sigma=20.0)


def test_a_ladder_that_only_guesses_is_refused_whatever_luck_crosses(tmp_path):
    random = np.random.default_rng(5)
    curves = [
        curve(f"m{size}", size, (0, 100, 200, 300, 400), 0.1, 500, 0.1, random) for size in SIZES
    ]
    table = write_table(tmp_path / "table.csv", curves)
    with pytest.raises(MeasurementError, match="every model only guesses"):
        fit(table)
