"""The workshop of real models: trains, quantises and measures. What is done is not done again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sizer.calibrating import measured_ladder
from sizer.calibration import Calibration, Measuring
from sizer.cluster import EngineChoice
from sizer.errors import MeasurementError
from sizer.inference.records import Precision
from sizer.job.journal import Journal
from sizer.job.material import Material
from sizer.job.noise import JobNoise
from sizer.networks.architecture import SMALL_STEMS, Blueprint, macs, parameters, small
from sizer.networks.manifest import Epoch, read_manifest
from sizer.networks.recipe import AcceleratorChoice, Augment, Recipe, full_recipe
from sizer.networks.timings import read_timings
from sizer.networks.train import train
from sizer.progress import ReportProgress
from sizer.quantization.quantize import quantize
from sizer.scaling.choices import TOLERANCE

if TYPE_CHECKING:
    from sizer.networks.reports import EpochDone

TIMED = (8, 32)  # stems of the networks whose batches are timed


@dataclass(frozen=True, slots=True)
class JobRecipe:
    """How models are made. precision: at which they are measured. command: the line that asks."""

    data: str
    side: int
    epochs: int
    augment: Augment
    noise: JobNoise
    max_bad: float
    precision: Precision
    accelerator: AcceleratorChoice
    engine: EngineChoice
    command: str

    @property
    def training(self) -> Recipe:
        """As `train` takes it."""
        return full_recipe(self.epochs, self.augment, (0, self.noise.last))


@dataclass
class Bench:
    """Trains and measures in a folder."""

    folder: Path
    recipe: JobRecipe
    material: Material
    journal: Journal
    progress: ReportProgress
    tell: Callable[[str], None]
    _pace: list[Callable[[float], float]] = field(default_factory=list)

    @property
    def trained(self) -> Path:
        return self.folder / "models"

    @property
    def measured_models(self) -> Path:
        """The folder of the models that are measured."""
        return self.folder / "models-int8" if self.recipe.precision == "int8" else self.trained

    def members(self) -> tuple[Blueprint, ...]:
        """The family on these pictures, the smallest first."""
        classes = self.material.train.info.classes
        return tuple(small(stem, self.recipe.side, classes) for stem in SMALL_STEMS)

    def measured(self, sizes: Sequence[int]) -> Calibration:
        """The calibration of models of these sizes, trained first where they are not there."""
        recipe = self.recipe
        train(
            sizes,
            self.trained,
            data=recipe.data,
            seeds=1,
            epochs=recipe.epochs,
            augment=recipe.augment,
            noise_steps=(0, recipe.noise.last),
            side=recipe.side,
            max_bad=recipe.max_bad,
            accelerator=recipe.accelerator,
            engine=recipe.engine,
            command=recipe.command,
            progress=self._training,
            tell=self.tell,
        )
        if recipe.precision == "int8":
            self._quantise()
        calibration = self._calibration(fitted=False)
        self.journal.save()
        return calibration

    def fitted(self) -> Calibration:
        """The calibration of all that was measured, with its laws where they can be fitted."""
        try:
            return self._calibration(fitted=True)
        except MeasurementError:  # every model only guesses
            return self._calibration(fitted=False)

    def _calibration(self, fitted: bool) -> Calibration:
        asked = Measuring(
            models=(str(self.measured_models),),
            data=self.recipe.data,
            steps=self.recipe.noise.measured_steps,
            images=None,
            tolerance=TOLERANCE,
            input_format=None,
            provider="cpu",
            engine=self.recipe.engine,
            max_bad=self.recipe.max_bad,
        )
        return measured_ladder(asked, fitted=fitted, progress=self._working)

    def _quantise(self) -> None:
        """Those that are new; what each loses is measured later, under noise."""
        known = self._curves(self.measured_models)
        new = [n for n, curve in self._curves(self.trained).items() if known.get(n) != curve]
        for name in new:  # one that was trained again
            (self.measured_models / name).unlink(missing_ok=True)
        if new:
            quantize(
                [self.trained / name for name in new],
                self.measured_models,
                data=self.recipe.data,
                max_bad=self.recipe.max_bad,
                command=self.recipe.command,
                progress=self._working,
            )

    def _curves(self, folder: Path) -> dict[str, tuple[Epoch, ...]]:
        """How each model of a ladder was trained, by its file."""
        manifest = read_manifest(folder)
        models = manifest.models if manifest else ()
        return {m.file: m.curve for m in models if (folder / m.file).exists()}

    def seconds(self, size: int) -> float:
        """Of a training, by timed batches and by the trainings that were done here."""
        return self._by_batches(self._macs(size)) * self._slower()

    def _macs(self, size: int) -> int:
        return next(macs(member) for member in self.members() if parameters(member) == size)

    def _by_batches(self, work: float) -> float:
        from sizer.networks.pace import training_pace

        if not self._pace:
            classes = self.material.train.info.classes
            smaller, larger = (small(stem, self.recipe.side, classes) for stem in TIMED)
            self._pace.append(training_pace(smaller, larger, self.recipe.training))
        return self._pace[0](work) * self.recipe.epochs * self.material.train.info.images

    def _slower(self) -> float:
        """Times that trainings took over what their batches let expect."""
        manifest, timings = read_manifest(self.trained), read_timings(self.trained)
        models = manifest.models if manifest else ()
        ratios = [
            timings[model.file] / self._by_batches(model.macs)
            for model in models
            if model.file in timings
        ]
        return float(np.median(ratios)) if ratios else 1.0

    def _training(self, epochs: int, costs: dict[str, float]) -> "Callable[[EpochDone], None]":
        """A bar over all epochs, each weighted by its model's multiply-accumulates."""
        report, done = self._working("training"), dict[str, int]()

        def show(message: "EpochDone") -> None:
            done[message.name] = message.done
            report(sum(done[name] * costs[name] for name in done), epochs * sum(costs.values()))

        return show

    def _working(self, phase: str) -> Callable[[float, float], None]:
        """The caller's bar, which also counts the time."""
        report = self.progress(phase)

        def update(done: float, total: float) -> None:
            report(done, total)
            self.journal.work()

        return update
