"""How fast a calibration is: the paper's way, sizer's engine, sizer's plan, and the ceiling.

Side by side in one run, on the shipped ladder, all cores of the machine in use:
(a) the paper's way: torch eager, fresh noise for every batch, a fixed grid of steps, on as many
threads as suit it best;
(b) the same grid through sizer's engine; (c) sizer's own plan;
(d) the ceiling: ONNX Runtime alone, a single-threaded session a core, on images that already carry
their noise, in the batch that suits it best.

Rates are the best of rounds in which (a), (b) and (d) take turns, on images already decoded: what
else the machine does can only slow one down. (b) runs the whole grid, with the choice of graph and
batch; its noise is drawn once for the ladder, before. (a) and (d) cost the same at every step, and
run some. Calibrations (b) and (c) are the command line, with all there is, the fit too. What (a)
would take for one is its rate carried to all models, steps and images.

Run: python benchmarks/engine.py --json out/engine.json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sizer.cores import usable_cores
from sizer.datasets import open_dataset
from sizer.datasets.records import DatasetInfo
from sizer.inference.child import Children
from sizer.inference.file_graph import FileGraph
from sizer.inference.inputs import arrange
from sizer.inference.model import OnnxModel, open_in, open_model, read_in
from sizer.inference.model_file import read_model_file
from sizer.measure.blocks import Block, Blocks, block_ranges
from sizer.measure.cells import measure
from sizer.measure.processes import Processes
from sizer.networks.manifest import read_manifest
from sizer.noise import Noise, linear_schedule

ROOT = Path(__file__).parents[1]
LADDER = ROOT / "models" / "builtin"
GRID = np.round(np.linspace(0, 1600, 50))  # the paper's: even steps through the whole transition
SHIPPED_GRID = sorted(
    {c["step"] for c in json.loads((ROOT / "calibration" / "builtin.json").read_text())["cells"]}
)
CEILING_BATCHES = (8, 16, 25, 32, 64, 128)
TORCH_BATCH = 250
FEW_STEPS = 4  # that (a) and (d) run of the grid, in each round
QUESTION = ("--noise-step", "200", "--target-acc", "0.75", "--format", "json")
SIZER = (sys.executable, "-c", "from sizer.cli import main; main()")
SCHEDULE = linear_schedule()
NOISE = Noise()


@dataclass(frozen=True)
class Rate:
    """Images a second of one size, by the clock."""

    parameters: int
    paper: float
    engine: float
    ceiling: float


@dataclass(frozen=True)
class Made:
    """A calibration: seconds with the fit, images shown to models, peak MiB, and what it says."""

    seconds: float
    images: int
    peak_mib: float
    exponent: tuple[float, float]
    decades: float | None


class Held:
    """Images of a data set, decoded beforehand."""

    def __init__(self, name: str, count: int) -> None:
        data = open_dataset(name, "test")
        self._images, self.labels = data.read(np.arange(count))
        self.class_names, given = data.class_names, data.info
        self.info = DatasetInfo(
            given.spec, given.split, given.fingerprint, given.classes, count, given.shape
        )

    def read(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return self._images[indices], self.labels[indices]


class Forgetful:
    """A cell store that starts empty and keeps nothing."""

    def cells(self, _source: str, _classes: int) -> Mapping[Any, Any]:
        return {}

    def keep(self, _source: str, _cell: object, _labels: object) -> None:
        """Let it go."""


def engine(model: OnnxModel, data: Held, run: Processes) -> int:
    """(b) the whole grid; returns images shown."""
    measure([model], data, NOISE, Forgetful(), engine=run, steps=tuple(GRID))
    return len(GRID) * data.info.images


def paper(stem: int, data: Held) -> Callable[[], int]:
    """(a) some steps of the grid, on one thread or one a core; its weights do not matter."""
    import torch

    from sizer.networks import architecture
    from sizer.networks.network import EfficientNet

    network = EfficientNet(architecture.small(stem, data.info.shape[0], data.info.classes)).eval()
    pixels = torch.from_numpy(data.read(np.arange(data.info.images))[0])
    clean = pixels.permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
    coefficients = [SCHEDULE.coefficients(step) for step in GRID[:: len(GRID) // FEW_STEPS]]

    def run() -> int:
        with torch.inference_mode():
            for mu, sigma in coefficients:
                for batch in clean.split(TORCH_BATCH):
                    network(mu * batch + sigma * torch.randn_like(batch)).argmax(dim=1)
        return len(coefficients) * len(clean)

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        run()  # the first run compiles its kernels
        return 1 / max(_rate(run) for _ in range(2))

    torch.set_num_threads(min((usable_cores(), 1), key=seconds))
    return run


def ceiling(model: OnnxModel, data: Held) -> Callable[[], int]:
    """(d) the same images again and again, by one session a core."""
    clean = Blocks(data, NOISE).ingredients(0, data.info.images, model.info).block().clean
    noisy = arrange(clean, model.plan)
    sessions = [_session(model.path) for _ in range(usable_cores())]
    name = sessions[0].get_inputs()[0].name

    def pass_over(session: onnxruntime.InferenceSession, batch: int, times: int) -> None:
        for _ in range(times):
            for start in range(0, len(noisy) - batch + 1, batch):
                session.run(None, {name: noisy[start : start + batch]})

    def seconds(batch: int) -> float:
        start = time.thread_time()
        pass_over(sessions[0], batch, 1)
        return (time.thread_time() - start) / (len(noisy) // batch * batch)

    pass_over(sessions[0], CEILING_BATCHES[0], 1)
    best = min(CEILING_BATCHES, key=lambda batch: min(seconds(batch) for _ in range(3)))

    def run() -> int:
        with ThreadPoolExecutor(len(sessions)) as pool:
            list(pool.map(lambda session: pass_over(session, best, FEW_STEPS), sessions))
        return len(sessions) * FEW_STEPS * (len(noisy) // best * best)

    return run


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def rates(count: int, rounds: int, children: Children) -> list[Rate]:
    """One size after another, each in rounds of (a), (b), (d)."""
    data, found = Held("builtin", count), []
    (child,), run = children.first(1), Processes(children, print)
    manifest = read_manifest(LADDER)
    for entry in manifest.models if manifest else ():
        if entry.seed:
            continue  # a second training of the same network
        path = LADDER / entry.file
        named = {"parameters": entry.parameters, "macs": entry.macs}
        model = open_in(child, read_in(child, path), data.info, **named)
        ways = {
            "paper": paper(int(path.stem.split("-")[1]), data),
            "engine": lambda model=model, run=run: engine(model, data, run),
            "ceiling": ceiling(model, data),
        }
        timed = [{name: _rate(run) for name, run in ways.items()} for _ in range(rounds)]
        best = {name: max(one[name] for one in timed) for name in ways}
        found.append(Rate(entry.parameters, **best))
        print(json.dumps(asdict(found[-1])), file=sys.stderr, flush=True)
    return found


def _rate(run: Callable[[], int]) -> float:
    """Images a second."""
    start = time.perf_counter()
    return run() / (time.perf_counter() - start)


def differing(images: int) -> tuple[int, int]:
    """(differing, all) labels of the engine and of the files' own graphs, at the shipped steps."""
    data = open_dataset("builtin", "test")
    ranges = block_ranges(images, data.info.shape)
    paths = sorted(LADDER.glob("*.onnx"))
    models = [open_model(read_model_file(path), data.info) for path in paths]
    made = Blocks(data, NOISE)
    blocks = [made.ingredients(*ends, models[0].info).block() for ends in ranges]
    with ThreadPoolExecutor(usable_cores()) as pool:
        wrong = sum(pool.map(lambda model: _differing(model, blocks), models))
    return wrong, len(paths) * len(SHIPPED_GRID) * images


def _differing(model: OnnxModel, blocks: list[Block]) -> int:
    predictor, own = model.open(), FileGraph(model.path, _session(model.path), model.plan)
    wrong = 0
    for block in blocks:
        fast, slow = (one.prepare(block.clean, block.epsilon) for one in (predictor, own))
        for step in SHIPPED_GRID:
            wrong += int(
                np.sum(fast(*SCHEDULE.coefficients(step)) != slow(*SCHEDULE.coefficients(step)))
            )
    return wrong


def calibration(images: int, steps: str) -> Made:
    """A calibration by the command line, from an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "calibration.json"
        environment = os.environ | {"XDG_CACHE_HOME": folder}
        command = [
            *SIZER,
            "calibrate",
            "--images",
            str(images),
            "--steps",
            steps,
            "--out",
            str(out),
        ]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        peak, seconds = _watched(process), time.perf_counter() - start
        asked = [*SIZER, "recommend", "--calibration", str(out), *QUESTION]
        answer = json.loads(subprocess.run(asked, capture_output=True, check=False).stdout)
        made = json.loads(out.read_text())
    exponent, size = made["width_law"]["exponent"], answer["parameters"]
    bounded = size and size["low"] and size["high"]
    found = Made(
        seconds=seconds,
        images=sum(cell["trials"] for cell in made["cells"]),
        peak_mib=peak,
        exponent=(exponent["value"], exponent["high"] - exponent["low"]),
        decades=float(np.log10(size["high"] / size["low"])) if bounded else None,
    )
    print(json.dumps(asdict(found)), file=sys.stderr, flush=True)
    return found


def _watched(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process; its peak resident memory in MiB, as the kernel keeps it."""
    peak = 0.0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        lines = status.read_text().splitlines() if status.exists() else []
        peak = max([peak, *(int(line.split()[1]) / 1024 for line in lines if "VmHWM" in line)])
        time.sleep(0.2)
    return peak


def tables(result: Mapping[str, Any]) -> str:
    """The results as markdown."""
    lines = [
        "| parameters | (a) paper | (b) engine | (d) ceiling | b / d | b / a |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['parameters']:,} | {one['paper']:,.0f} | {one['engine']:,.0f} "
        f"| {one['ceiling']:,.0f} | {one['engine'] / one['ceiling']:.2f} "
        f"| {one['engine'] / one['paper']:.1f} |"
        for one in result["rates"]
    ]
    times = {
        name: sum(1 / one[name] for one in result["rates"])
        for name in ("paper", "engine", "ceiling")
    }
    lines += [
        f"| whole ladder | | | | {times['ceiling'] / times['engine']:.2f} "
        f"| {times['paper'] / times['engine']:.1f} |",
        "",
        "| calibration | wall time | images shown | peak MiB | 1/nu, width | answer, decades |",
        "|---|---|---|---|---|---|",
        f"| (a) paper's way, carried over | {result['paper_seconds']:,.0f} s | | | | |",
    ]
    for name, title in (("grid", "(b) engine, same grid"), ("plan", "(c) sizer's plan")):
        one = result[name]
        decades = "none" if one["decades"] is None else f"{one['decades']:.2f}"
        lines.append(
            f"| {title} | {one['seconds']:,.0f} s | {one['images']:,} | {one['peak_mib']:,.0f} "
            f"| {one['exponent'][0]:+.4f}, {one['exponent'][1]:.4f} | {decades} |"
        )
    wrong, labels = result["differing"]
    lines += ["", f"{wrong} of {labels:,} labels differ from those of the files' own graphs."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000, help="of a calibration")
    parser.add_argument("--sample", type=int, default=4000, help="images of a rate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    grid = calibration(given.images, ",".join(f"{step:g}" for step in GRID))
    plan = calibration(given.images, "auto")
    with Children() as children:
        found = rates(given.sample, given.rounds, children)
    shown = len(GRID) * given.images * len(list(LADDER.glob("*.onnx"))) / len(found)
    result = {
        "machine": {"cores": usable_cores(), "onnxruntime": onnxruntime.__version__},
        "given": {"images": given.images, "sample": given.sample, "rounds": given.rounds},
        "rates": [asdict(one) for one in found],
        "grid": asdict(grid),
        "plan": asdict(plan),
        "paper_seconds": sum(shown / one.paper for one in found),
        "differing": differing(given.images),
    }
    if given.json is not None:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    print(tables(result))


if __name__ == "__main__":
    main()
