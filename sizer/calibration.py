"""The calibration: everything that was measured of a ladder, and what was fitted to it."""

from dataclasses import dataclass

from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining
from sizer.scaling.backtests import Backtest
from sizer.scaling.collapse import Collapse
from sizer.scaling.crossings import LevelCrossing, Width
from sizer.scaling.curves import Cell, NoiseCurve, at_shared_steps, curves_of
from sizer.scaling.surface import LawFit
from sizer.scaling.width import WidthLaw


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything `recommend` needs: the measurements, the fits, and how far to trust them.

    schedule: name of the noise schedule that the steps belong to, None for a table in some other
    noise unit. fit: the law chosen by back-test, None where no law can be fitted; rivals: the
    others. image_share: of the counting variance, what all models have in common, as measured; 1
    where unknown. precision: half of the 90 % interval that counting leaves a width, as a share of
    it: the mean over the pairs of levels, of the model worst off; None where a width has no
    interval. warnings: of the measurement; fit_warnings: of what was fitted, or could not be.
    ladder: how all of the models were trained, where a manifest says so.
    """

    version: int
    created_with: str
    schedule: str | None
    dataset: DatasetInfo | None
    models: tuple[ModelInfo, ...]
    chance: float
    cells: tuple[Cell, ...]
    crossings: tuple[LevelCrossing, ...]
    widths: tuple[Width, ...]
    width_law: WidthLaw | None
    collapse: Collapse | None
    fit: LawFit | None
    rivals: tuple[LawFit, ...]
    backtests: tuple[Backtest, ...]
    image_share: float = 1.0
    precision: float | None = None
    warnings: tuple[str, ...] = ()
    fit_warnings: tuple[str, ...] = ()
    ladder: LadderTraining | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The different sizes, ascending, parameters."""
        return tuple(sorted({model.parameters for model in self.models}))

    @property
    def curves(self) -> tuple[NoiseCurve, ...]:
        """One curve a model, models in order of size."""
        return curves_of(self.models, self.cells, self.chance)

    @property
    def shared_steps(self) -> tuple[float, ...]:
        """The noise steps at which the models are compared, ascending."""
        return at_shared_steps(self.curves)[0].steps

    @property
    def images(self) -> int:
        """The fewest images that any accuracy was counted from."""
        return min(cell.trials for cell in self.cells)

    @property
    def laws(self) -> tuple[LawFit, ...]:
        """All laws that could be fitted, the best predictor of left-out sizes first."""
        return () if self.fit is None else (self.fit, *self.rivals)
