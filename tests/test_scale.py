"""Much of something is taken together, shown in part, or refused before it is begun."""

import numpy as np
import pytest
from answers import measured
from here import here
from planted import CHANCE, SIZES, curve, ladder, transition, write_table
from scripted import ScriptedImages, scripted_model, uniform
from scripted_ladder import MemoryStore

from sizer import table as tables
from sizer.calibration import load
from sizer.errors import CalibrationError, MeasurementError, UsageError
from sizer.measure.ladder import measure_ladder
from sizer.networks import models as found
from sizer.noise import Noise
from sizer.prediction.observations import MOST_SIZES, told_apart
from sizer.prediction.predictor import predictor
from sizer.progress import no_progress
from sizer.report.calibration import ladder_table
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import LEAST_GROUPS, MOST_CELLS, cells_of, mean_accuracy
from sizer.table import read_table

MANY = np.unique(np.geomspace(5000, 2_000_000, 150).astype(int)).tolist()
FINE = np.linspace(0, 1000, 41)


class TestTables:
    def test_neighbouring_steps_of_very_many_are_added_up_and_no_count_is_lost(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(tables, "MOST_POINTS", 100)
        monkeypatch.setattr("sizer.scaling.curves.MOST_POINTS", 100)
        curves = ladder(transition, SIZES, FINE, trials=1000, chance=CHANCE)
        table = read_table(write_table(tmp_path / "table.csv", curves))
        assert table.rows == len(SIZES) * len(FINE)
        assert len(table.cells) == len(SIZES) * LEAST_GROUPS
        for one in curves:
            cells = [cell for cell in table.cells if cell.model == one.model.name]
            assert sum(cell.correct for cell in cells) == sum(one.correct)
            assert sum(cell.trials for cell in cells) == sum(one.trials)
            wanted = transition(np.array([cell.step for cell in cells]), one.size)
            shares = [cell.correct / cell.trials for cell in cells]
            assert np.abs(shares - wanted).max() < 0.01

    def test_few_stay_as_they_are(self, tmp_path):
        curves = ladder(transition, SIZES, FINE, trials=1000, chance=CHANCE)
        table = read_table(write_table(tmp_path / "table.csv", curves))
        assert table.rows == len(table.cells)
        assert table.cells == cells_of(curves)

    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
    def test_rows_are_counted_whatever_ends_them(self, tmp_path, monkeypatch, end):
        monkeypatch.setattr("sizer.io.MOST_ROWS", 3)
        rows = ["model,parameters,step,correct,trials", *["a,10,0,1,2"] * 4]
        path = tmp_path / "table.csv"
        path.write_bytes(end.join(rows).encode())
        with pytest.raises(MeasurementError, match="holds 4 rows, 3 are the most"):
            read_table(path)

    def test_too_many_models_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tables, "MOST_MODELS", 2)
        path = write_table(tmp_path / "table.csv", ladder(transition, SIZES, FINE, trials=1000))
        with pytest.raises(MeasurementError, match="more than 2 models"):
            read_table(path)


class TestAnswers:
    def test_few_sizes_are_all_told_apart(self):
        sizes = np.array([3e3, 1e4, 1e4, 2e6])
        assert told_apart(sizes) is sizes

    def test_very_many_count_as_the_nearest_of_some(self):
        sizes = np.array(MANY, dtype=float)
        told = told_apart(sizes)
        assert len(np.unique(told)) <= MOST_SIZES
        assert (told[0], told[-1]) == (sizes[0], sizes[-1])
        apart = np.log(sizes[-1] / sizes[0]) / (MOST_SIZES - 1)
        assert np.abs(np.log(told / sizes)).max() <= apart / 2 + 1e-9

    def test_a_ladder_of_very_many_sizes_foretells_what_was_planted(self):
        random = np.random.default_rng(1)
        curves = ladder(transition, MANY, FINE, trials=2000, chance=CHANCE, random=random)
        sizes = np.array([20_000.0, 100_000.0, 700_000.0])
        foretold = predictor(curves, 0.0).at(475.0).at(sizes).expected()
        assert np.abs(foretold - transition(475.0, sizes)).max() < 0.01

    def test_the_mean_curve_needs_no_table_of_all(self):
        curves = [curve("a", 10, (0, 10), (1.0, 0.0)), curve("b", 20, (0, 5, 10), (0.5, 0.5, 0.0))]
        assert mean_accuracy(curves, np.array([0.0, 5.0, 10.0])).tolist() == [0.75, 0.5, 0.0]


def test_a_terminal_shows_some_of_very_many_sizes():
    curves = ladder(transition, MANY, FINE[::10], trials=1000, chance=CHANCE)
    table = ladder_table(measured(curves))
    assert len(table.rows) == 20
    assert table.title == f"20 of {len(MANY)} sizes"
    assert [table.rows[0][0], table.rows[-1][0]] == [f"{MANY[0]:,}", f"{MANY[-1]:,}"]


class TestRefusals:
    def asked(self, models, steps, images):
        evaluators = [
            scripted_model(f"m{i}", 10 + i, lambda steps, size: uniform(steps.astype(int)))
            for i in range(models)
        ]
        return measure_ladder(
            evaluators,
            ScriptedImages(images),
            Noise(),
            MemoryStore(),
            steps,
            None,
            no_progress,
            tolerance=0.1,
            cut=Cut(),
            engine=here,
        )

    def test_too_many_measurements(self):
        steps = tuple(np.linspace(0, 5000, MOST_CELLS // 10 + 1))
        with pytest.raises(UsageError, match=r"10 models at 20,001 noise steps are 200,010"):
            self.asked(10, steps, 100)

    @pytest.mark.parametrize("steps", [tuple(range(40)), None])
    def test_too_many_answers(self, steps):
        with pytest.raises(UsageError, match="give --images 1875000, or fewer models"):
            self.asked(2, steps, 2_000_000)

    def test_too_many_files(self, tmp_path, monkeypatch):
        monkeypatch.setattr(found, "MOST_MODELS", 2)
        for i in range(3):
            (tmp_path / f"{i}.onnx").touch()
        with pytest.raises(UsageError, match="3 models: give 2 at most"):
            found.find_models([tmp_path])

    @pytest.mark.parametrize(
        ("most", "words"),
        [("MOST_MODELS", "holds 3 models, 2 at most"), ("MOST_CELLS", "15 measurements, 2 at")],
    )
    def test_too_large_a_calibration(self, tmp_path, monkeypatch, most, words):
        calibration = measured(ladder(transition, SIZES[:3], FINE[::10], trials=1000))
        calibration.save(tmp_path / "c.json")
        assert len(load(tmp_path / "c.json").models) == 3
        monkeypatch.setattr(f"sizer.soundness.{most}", 2)
        with pytest.raises(CalibrationError, match=words):
            load(tmp_path / "c.json")
