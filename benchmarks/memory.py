"""How much memory a measurement takes as the number of images grows: a folder of large pictures.

A folder of 224 x 224 pictures is made (a few, and links to them), and measured with a tiny network
in a process of its own. Its peak resident memory and its largest child's are of the kernel.

Run: python benchmarks/memory.py --images 1000 5000 50000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, CLASSES, DIFFERENT = 224, 10, 50
STEPS = (0.0, 200.0, 400.0)
MEASURE = """
import resource, sys, pathlib
from sizer.datasets import open_dataset
from sizer.inference.child import Children
from sizer.inference.model import open_in, read_in
from sizer.measure.processes import Processes
from sizer.noise import Noise
from sizer.measure.cells import measure
from sizer.noise import epsilon, linear_schedule
from sizer.measure.store import open_store
folder, model = map(pathlib.Path, sys.argv[1:3])
steps = tuple(map(float, sys.argv[3:]))
data = open_dataset(str(folder), "test")
with open_store(folder.parent / "cells.sqlite") as store:
    noise = Noise(linear_schedule(), epsilon, 0)
    with Children() as children:
        child = children.first(1)[0]
        opened = open_in(child, read_in(child, model), data.info)
        engine = Processes(children, print)
        found = measure([opened], data, noise, store, engine=engine, steps=steps)
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
peaks = [resource.getrusage(each).ru_maxrss for each in who]
print(found.cells[0].trials, sum(peaks) / 1024)
"""


def make_pictures(folder: Path, count: int) -> None:
    """Pictures of noise in one folder a class."""
    random = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for i in range(count):
        path = folder / f"class{i % CLASSES}" / f"{i:06}.jpg"
        if i < DIFFERENT:
            pixels = random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, quality=50)
        else:
            first = i % DIFFERENT
            path.hardlink_to(folder / f"class{first % CLASSES}" / f"{first:06}.jpg")


def save_network(path: Path) -> None:
    """A convolution of wide stride, and a linear classifier on the mean of its maps."""
    random = np.random.default_rng(1)
    weights = {
        "stem": random.normal(size=(16, 3, 8, 8)).astype(np.float32),
        "head": random.normal(size=(16, CLASSES)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "stem"], ["maps"], strides=[8, 8]),
        helper.make_node("Sigmoid", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["scores"]),
    ]
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES]),
    ]
    values = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", ends[:1], ends[1:], values)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def peak_mib(images: int, steps: tuple[float, ...]) -> float:
    """Of a measurement of so many images, from an empty cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, model = Path(scratch) / "pictures", Path(scratch) / "tiny.onnx"
        make_pictures(folder / "test", images)
        save_network(model)
        command = [sys.executable, "-c", MEASURE, str(folder), str(model), *map(str, steps)]
        environment = os.environ | {"XDG_CACHE_HOME": scratch}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    measured, peak = run.stdout.split()
    if int(measured) != images:
        raise RuntimeError(f"{measured} images were measured, not {images}")
    return float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 5000, 50_000])
    parser.add_argument("--steps", type=float, nargs="+", default=list(STEPS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    peaks = {images: peak_mib(images, tuple(given.steps)) for images in given.images}
    if given.json is not None:
        given.json.write_text(json.dumps(peaks, indent=1) + "\n")
    print("| images of 224 x 224 | peak resident MiB |\n|---|---|")
    print("\n".join(f"| {images:,} | {peak:,.0f} |" for images, peak in peaks.items()))


if __name__ == "__main__":
    main()
