"""How many workers run at once: all, unless fewer turn out to get more done."""

from sizer.measure.protocols import Evaluator, Task

WINDOW = 8  # cells of the first worker, by which a number of workers is judged
SWINGING_IN = 3  # of these at first, not timed: the others still finish, or open, what they are at
GAIN = 1.05  # in throughput, at least, for which workers are left out
SHARE = 1 / 50  # of all work, at most, that the trial may cost in workers that wait


class Crew:
    """Judges a number of workers by how long the cells of the first one take, which always runs.

    All run at first, then half of them, and half again for as long as that gets more done. Then
    all once more, so that a passing disturbance is not taken for too many workers. One trial sees
    one model; where the first worker comes to another one it begins again.
    """

    def __init__(self, workers: int, work: float) -> None:
        """work: the cost of all that is to do, in the unit of a task's."""
        self.active = workers
        self.settled = workers == 1
        self._all = workers
        self._spare = SHARE * work
        self._model: Evaluator | None = None
        self._timed: list[tuple[int, float]] = []  # images and seconds of the window's cells
        self._best: tuple[float, int] | None = None  # seconds an image, and of how many workers

    def finished(self, task: Task, seconds: float) -> None:
        """Hear of a cell that the first worker has run; `active` and `settled` may change."""
        if self.settled:
            return
        if task.evaluator is not self._model:
            self._model, self._best = task.evaluator, None
            self._try(self._all)
        self._timed.append((task.stop - task.start, seconds))
        if len(self._timed) == WINDOW:
            images, spent = map(sum, zip(*self._timed[SWINGING_IN:], strict=True))
            self._judge(spent / images / self.active, task.cost)

    def settle(self, workers: int) -> None:
        self.active, self.settled = workers, True

    def _judge(self, pace: float, cost: float) -> None:
        """Decide what comes after a window. pace: seconds an image. cost: of a cell."""
        again = self._best is not None and self.active == self._all
        better = self._best is None or pace * GAIN <= self._best[0]
        if self._best is None or (better and not again):
            self._best = pace, self.active
        best, workers = self._best
        fewer = self.active // 2
        if again:
            self.settle(workers if best * GAIN <= pace else self._all)
        elif better and fewer and self._afford((self._all - fewer) * WINDOW * cost):
            self._try(fewer)
        elif workers < self._all:
            self._try(self._all)
        else:
            self.settle(self._all)

    def _afford(self, price: float) -> bool:
        affordable = price <= self._spare
        self._spare -= price if affordable else 0.0
        return affordable

    def _try(self, workers: int) -> None:
        self.active = workers
        self._timed.clear()
