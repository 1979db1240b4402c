"""The study of docs/paper.md again, from the files of the repository: `make paper`.

Every table of docs/paper-tables.md and every figure of docs/paper.md is made anew. A part that was
made from the same inputs by the same program is kept in out/paper, so that a run that was stopped
goes on. Ladders are measured again where their test images are at hand, and compared with the
shipped measurements count by count.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from widths import exponents, straightest, table

import sizer
from sizer.calibration import Calibration
from sizer.errors import SizerError
from sizer.estimate import CONFIDENCE
from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import ladder_of
from sizer.report import document_of
from sizer.report.format import accuracy_range
from sizer.report.markdown import markdown
from sizer.report.pictures import backtest_figures, figures, save
from sizer.universality.compare import Comparison
from sizer.universality.shape import form

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "out" / "paper"
TABLES = ROOT / "docs" / "paper-tables.md"
PICTURES = ROOT / "docs" / "pictures"
PUBLISHED = tuple(sorted((ROOT / "benchmarks" / "published").glob("*.csv")))
OTHERS = tuple(sorted((ROOT / "benchmarks" / "architectures").glob("*.json")))
LADDERS = ("builtin", "cifar100-clean", "cifar100-noise")
CIFAR = LADDERS[1:]
DATA = {"builtin": "builtin", **dict.fromkeys(CIFAR, "data/cifar100")}
STEPS = (0, 100, 300, 600)  # at which what noise augmentation gives is shown
TARGETS = (20, 30, 40, 50, 60, 70, 80)  # steps at which both families reach an accuracy
NEXT = (2_026_372, 3_581_871)  # parameters of members that were foretold before they were trained
NEXT_STEPS = {"cifar100-clean": (0, 20, 40, 60, 100), "cifar100-noise": (0, 200, 400, 600, 800)}
HALVES = (10, 20, 50, 100, 200)  # grey levels that are named
HEAD = """# The tables of the study

Made by `make paper` from the files of the repository; what they say is in [paper.md](paper.md).
Intervals are of 90 %, by trained model.
"""

Told = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A piece of the study. minutes: of a core, about. of: the files that it is made from."""

    name: str
    title: str
    minutes: float
    of: tuple[Path, ...]
    make: Callable[[], str]

    @cached_property
    def kept(self) -> Path:
        """Where it lies, by a name that changes with its inputs and with the program."""
        own = [Path(__file__), Path(__file__).with_name("widths.py")]
        digest = hashlib.sha256()
        for file in (*self.of, *own, *sorted((ROOT / "sizer").rglob("*.py"))):
            digest.update(file.read_bytes())
        return KEPT / f"{self.name}-{digest.hexdigest()[:16]}.md"


def calibration_file(name: str) -> Path:
    return ROOT / "calibration" / f"{name}.json"


def measured_again(name: str) -> str:
    """Whether the shipped models give the shipped counts, on data that are at hand."""
    shipped, data = sizer.load(calibration_file(name)), DATA[name]
    if data != "builtin" and not (ROOT / data).exists():
        return f"{name}: not measured again, since {data} is not there"
    steps = shipped.shared_steps
    folders = sorted((ROOT / "models").glob(f"{name}*"))
    found = sizer.calibrate(folders, data=data, steps=steps, tolerance=0)
    counts = {(cell.model, cell.step): cell for cell in found.cells}
    pairs = [(cell, counts[cell.model, cell.step]) for cell in shipped.cells if cell.step in steps]
    away = [abs(now.correct - then.correct) for then, now in pairs if now.trials == then.trials]
    most = f", and none differs by more than {max(away)} of {shipped.images:,} images"
    return (
        f"{name}: of {len(pairs):,} accuracies at the steps that all models share, "
        f"{away.count(0):,} are the same count again{most if max(away) else ''}"
    )


def backtest(name: str) -> str:
    """The hold-outs as a document; pictures of them and of the curves."""
    calibration = sizer.load(calibration_file(name))
    test = sizer.backtest(calibration)
    if name in CIFAR:
        draw({**figures(calibration), **backtest_figures(test)}, PICTURES / name)
    said = document_of(test)
    sums = tuple(section for section in said.sections if section.title != "Each")
    return markdown(replace(said, sections=sums)).replace("\n## ", "\n#### ")


def foretold(name: str) -> str:
    """What sizes of `NEXT` will measure, as said before they were trained, and what they did."""
    ladder = sizer.load(calibration_file(name))
    before, measured = ladder_of(ladder).without(NEXT), _measured_since(ladder)
    rows = [
        (f"{step}", *(_next(before, size, step) + measured.get((size, step), "") for size in NEXT))
        for step in NEXT_STEPS[name]
    ]
    return table(("step", *(f"{size:,} parameters" for size in NEXT)), rows)


def _measured_since(ladder: Calibration) -> dict[tuple[int, float], str]:
    """In words, by parameters and step."""
    sizes = {model.name: model.parameters for model in ladder.models}
    return {
        (sizes[cell.model], round(cell.step)): f"; measured {cell.correct / cell.trials:.3f}"
        for cell in ladder.cells
        if sizes[cell.model] in NEXT
    }


def _next(ladder: Predictor, size: int, step: float) -> str:
    return accuracy_range(training_accuracy(ladder.at(step), size, CONFIDENCE))


def widths(name: str) -> str:
    calibration = sizer.load(calibration_file(name))
    return f"{exponents(calibration)}\n\nHow straight:\n\n{straightest(calibration)}"


def classes() -> str:
    found = sizer.compare([*map(calibration_file, LADDERS), *OTHERS, *PUBLISHED])
    draw({"classes": classes_figure(found)}, PICTURES)
    return markdown(document_of(found)).replace("\n## ", "\n#### ").replace("# Do", "#### Do")


def classes_figure(found: Comparison) -> Figure:
    """One shape, left; how its scale goes with size, right."""
    figure = Figure((10.0, 4.2), layout="constrained")
    shape, scale = figure.subplots(1, 2)
    for number, ladder in enumerate(found.ladders):
        name = Path(ladder.name).stem
        points = np.array([point for fall in ladder.falls for point in fall.scaled])
        shape.plot(
            *points.T, ".", color=f"C{number}", alpha=0.35, markeredgewidth=0, rasterized=True
        )
        falls = sorted(ladder.falls, key=lambda fall: fall.parameters)
        sizes = [fall.parameters for fall in falls]
        half = [fall.half_noise for fall in falls]
        scale.plot(sizes, half, "osD^vP*X"[number % 8], color=f"C{number}", label=name)
    noise = np.geomspace(0.05, 5, 200)
    steepness = np.exp(found.equalities["log_steepness"].common or 0.0)
    shape.plot(noise, form(noise, 1.0, 1.0, steepness, chance=0.0), color="black", linewidth=1)
    shape.set(xscale="log", xlim=(0.05, 5), ylim=(-0.05, 1.1))
    shape.set(xlabel="noise / half noise", ylabel="share of the clean accuracy")
    scale.set(xscale="log", yscale="log", xlabel="parameters")
    scale.set_ylabel("half noise (grey levels)")
    scale.set_yticks(HALVES, [f"{half}" for half in HALVES])
    scale.minorticks_off()
    scale.set_ylim(top=1500)  # room for the names
    scale.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def augmentation() -> str:
    """What noise in training gives at a size, and what it saves."""
    clean, noise = (sizer.load(calibration_file(name)) for name in CIFAR)
    draw({"augmentation": augmentation_figure(clean, noise)}, PICTURES)
    small, large = noise.sizes[0], noise.sizes[-1]
    ladders = ((clean, large), (noise, small), (noise, large))
    headings = (
        "step",
        f"clean-trained, {large:,}",
        f"noise-trained, {small:,}",
        f"noise-trained, {large:,}",
    )
    rows = [
        (f"{step}", *(f"{accuracy(ladder, size, step):.3f}" for ladder, size in ladders))
        for step in STEPS
    ]
    first = table(headings, rows)
    told = [(f"{step}", *savings(clean, noise, step)) for step in TARGETS]
    middle = clean.sizes[-3]
    names = [
        part
        for size in (large, middle)
        for part in (f"clean-trained {size:,} reaches", "noise-trained needs", "saves")
    ]
    return f"{first}\n\n{table(('step', *names), told)}"


def accuracy(ladder: Calibration, size: int, step: float) -> float:
    """The mean of the trainings of a size, straight between the measured steps."""
    of_it = [curve for curve in ladder.curves if curve.size == size]
    return float(np.mean([np.interp(step, curve.steps, curve.accuracy) for curve in of_it]))


def savings(clean: Calibration, noise: Calibration, step: float) -> Iterable[str]:
    """For the largest clean-trained size and one a quarter of it: what it reaches, and so on."""
    logs = np.log(noise.sizes)
    reached = np.array([accuracy(noise, size, step) for size in noise.sizes])
    for size in (clean.sizes[-1], clean.sizes[-3]):
        target = accuracy(clean, size, step)
        yield f"{target:.3f}"
        if target > reached[-1]:
            yield from (
                f"more than {noise.sizes[-1]:,}",
                f"less than {_times(size / noise.sizes[-1])}",
            )
        elif target < reached[0]:
            yield from (
                f"less than {noise.sizes[0]:,}",
                f"more than {_times(size / noise.sizes[0])}",
            )
        else:
            needed = float(np.exp(np.interp(target, reached, logs)))
            yield from (f"{round(needed, -3):,.0f}", _times(size / needed))


def _times(factor: float) -> str:
    """To two digits, never as a power of ten."""
    return f"{float(f'{factor:.2g}'):g}"


def augmentation_figure(clean: Calibration, noise: Calibration) -> Figure:
    figure = Figure((6.4, 4.2), layout="constrained")
    axes: Axes = figure.subplots()
    for colour, (ladder, name) in enumerate(((clean, "clean"), (noise, "noise"))):
        for size, line in ((ladder.sizes[0], "--"), (ladder.sizes[-1], "-")):
            steps = [step for step in ladder.shared_steps if step <= 800]
            seen = [accuracy(ladder, size, step) for step in steps]
            label = f"{name} training, {size:,} parameters"
            axes.plot(steps, seen, line, color=f"C{colour}", label=label)
    axes.set(xlabel="noise step", ylabel="accuracy", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    return figure


def draw(pictures: dict[str, Figure], folder: Path) -> None:
    """As SVG alone: the repository keeps no PNG of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in save(pictures, folder):
        if path.suffix == ".png":
            path.unlink()


def parts() -> list[Part]:
    every = tuple(map(calibration_file, LADDERS))
    return [
        *(_of_ladder("measured", "Measured again", name, 5.0, measured_again) for name in LADDERS),
        *(_of_ladder("widths", "Exponents of the width", name, 0.2, widths) for name in CIFAR),
        Part("classes", "One class?", 0.5, (*every, *OTHERS, *PUBLISHED), classes),
        *(_of_ladder("backtest", "Back-test", name, 0.3, backtest) for name in LADDERS),
        *(_of_ladder("foretold", "The third decade", name, 0.2, foretold) for name in CIFAR),
        Part("augmentation", "What noise augmentation saves", 0.1, every[1:], augmentation),
    ]


def _of_ladder(
    name: str, title: str, ladder: str, minutes: float, make: Callable[[str], str]
) -> Part:
    of = (calibration_file(ladder),)
    return Part(f"{name}-{ladder}", f"{title}: {ladder}", minutes, of, lambda: make(ladder))


def make_all(wanted: Sequence[Part], tell: Told) -> None:
    """Raises what a part raises, once those before it are kept."""
    KEPT.mkdir(parents=True, exist_ok=True)
    todo = [part for part in wanted if not part.kept.exists()]
    minutes = sum(part.minutes for part in todo)
    tell(f"{len(todo)} of {len(wanted)} parts to make, about {minutes:.0f} minutes of a core")
    for number, part in enumerate(todo, 1):
        tell(f"{number}/{len(todo)}: {part.title}, about {part.minutes * 60:.0f} s")
        partial = part.kept.with_suffix(".partial")
        partial.write_text(part.make() + "\n")
        partial.replace(part.kept)
    sections = [f"## {part.title}\n\n{part.kept.read_text()}" for part in wanted]
    TABLES.write_text("\n".join([HEAD, *sections]))
    tell(f"wrote {TABLES.relative_to(ROOT)} and the figures of docs/pictures")


def main() -> None:
    console = Console(stderr=True)
    try:
        make_all(parts(), console.print)
    except SizerError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
