"""Files and command lines that nobody should give end as documented: see `Ending.faults`.

`make fuzz` tries 36 times as many: 3,240. What once went wrong lies in `tests/corpus`.
"""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import forked
import hostile
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from tiny import save_images, save_ladder

import sizer
from sizer.io import shipped
from sizer.noise import schedule_named
from sizer.scaling.master import BorrowedShape, noise_of, scales_of
from sizer.universality.borrowing import master_of

TIMES = int(os.environ.get("SIZER_FUZZ", "1"))  # as many inputs
ASK = "--noise-step 300 --target-acc 0.7 --calibration"
CALIBRATE = "calibrate ladder/tiny-4.onnx --images 20 --provider cpu --out o.json"
MEASURE = f"{CALIBRATE} --steps 0,300 --data"
WITHOUT = "predict --sigma 30 --parameters 2e4 --calibration"
LENDER = Path(__file__).parents[1] / "benchmarks" / "architectures" / "plain-cnn.json"
CATALOGUE = """
[models.small]
macs = 1000000
source = "a page"

[[devices]]
name = "Board X1"
core = "Cortex-M7"
kind = "microcontroller"
source = "a page"
clock_mhz = 480
ram = "512 KiB"
flash = "1 MiB"
timings = [
    {model = "small", precision = "int8", runtime = "TFLite", latency_ms = 12.5, source = "a page"},
]
"""


@pytest.fixture(scope="session")
def given_files(tmp_path_factory):
    """A folder of sound files, beside which the odd ones are put."""
    folder = tmp_path_factory.mktemp("fuzz")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", 60)
    calibration = sizer.calibrate(
        folder / "ladder", data=folder / "images.npz", steps=(0, 300, 900, 2000), provider="cpu"
    )
    calibration.save(folder / "cal.json")
    rows = ["model,parameters,step,correct,trials"]
    rows += [
        f"{r['model']},{r['parameters']},{r['step']},{r['correct']},{r['trials']}"
        for r in calibration.rows()
    ]
    (folder / "table.csv").write_text("\n".join(rows))
    write_lender(folder)
    (folder / "photos" / "a").mkdir(parents=True)
    (folder / "photos" / "b").mkdir()
    (folder / "link").symlink_to("link")
    write_manifest(folder)
    measured = forked.run(f"{MEASURE} images.npz".split(), folder, XDG_CACHE_HOME=f"{folder}/cache")
    assert measured.code == 0, measured.error
    return folder


def write_lender(folder):
    """A ladder that others borrow of, as one that was itself measured at few steps."""
    lender = sizer.load(LENDER)
    schedule = schedule_named(lender.schedule)
    curve = master_of(["builtin"])
    measured = [(each, noise_of(each.steps, schedule)) for each in lender.measured_curves]
    scales = tuple(scales_of(*each, curve) for each in measured)
    replace(lender, shape=BorrowedShape(curve, scales)).save(folder / "few.json")


def write_manifest(folder):
    """A sound one of the models, which the strategy for manifests spoils."""
    manifest = json.loads((shipped("models") / "builtin" / "manifest.json").read_bytes())
    files = sorted((folder / "ladder").glob("*.onnx"))
    for entry, file in zip(manifest["models"], files, strict=False):
        entry["file"] = file.name
        entry["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest["models"] = manifest["models"][: len(files)]
    (folder / "sound-manifest.json").write_text(json.dumps(manifest, indent=1))


# By kind: its name here, its strategy, how many of them, and the lines of which each is given one.
KINDS = {
    "calibration": (
        "c.json",
        lambda place: hostile.spoilt_json(place / "cal.json"),
        16,
        (
            *(
                f"recommend {ASK} c.json",
                f"recommend {ASK} c.json --format json",
                "predict --noise-step 300 --parameters 200 --calibration c.json",
            )
            * 12,  # the others take longer
            *("fit c.json --out o.json", "report c.json --out o.md"),
            f"plan {ASK} c.json --max-cost 1",
        ),
    ),
    "lender": (
        "c.json",
        lambda place: hostile.spoilt_json(place / "few.json"),
        5,
        (
            "compare c.json cifar100-clean",
            f"{WITHOUT} builtin --borrow c.json",
            f"{CALIBRATE} --data images.npz --shape c.json",
            f"{WITHOUT} c.json",
            "backtest c.json",
        ),
    ),
    "manifest": (
        "ladder/manifest.json",
        lambda place: hostile.spoilt_json(place / "sound-manifest.json"),
        8,
        (
            f"{MEASURE} images.npz",
            f"{MEASURE} images.npz",
            "quantize ladder --data images.npz --out q",
        ),
    ),
    "store": (
        "cache/sizer/cells.sqlite",
        lambda place: hostile.stores((place / "cache/sizer/cells.sqlite").read_bytes()),
        6,
        (
            f"{MEASURE} images.npz",
            "cache",
            "cache --verify",
            "cache --older-than 1d",
            "cache --all",
        ),
    ),
    "classes": (
        "c.txt",
        lambda _: hostile.class_files(),
        4,
        (f"{MEASURE} images.npz --classes c.txt",),
    ),
    "weights": (
        "w.safetensors",
        lambda _: hostile.weights(),
        1,
        ("export b0 --weights w.safetensors --out b0.onnx",),
    ),
    "table": (
        "t.csv",
        lambda _: hostile.tables(),
        8,
        (*("fit t.csv --out o.json",) * 3, "compare t.csv builtin"),
    ),
    "archive": ("d.npz", lambda _: hostile.archives(), 8, (f"{MEASURE} d.npz",)),
    "parquet": ("d.parquet", lambda _: hostile.parquets(), 5, (f"{MEASURE} d.parquet",)),
    "picture": (
        "photos/a/p.png",
        lambda _: hostile.pictures(),
        8,
        ("noise photos", f"{MEASURE} photos", "noise photos/a/p.png --format json"),
    ),
    "model": (
        "m.onnx",
        lambda _: hostile.models(),
        6,
        (f"{MEASURE} images.npz m.onnx", "devices check m.onnx --device STM32H747XI"),
    ),
    "catalogue": (
        "d.toml",
        lambda _: hostile.catalogues(CATALOGUE),
        5,
        (
            "devices --devices-file d.toml",
            f"recommend {ASK} cal.json --devices-file d.toml --device x1",
        ),
    ),
}


def tried(strategy, count, attempt, part=0):
    """Everything that went wrong in so many examples, always the same ones."""
    wrong = []

    @seed(20261125 + part)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(example):
        ending = attempt(example)
        if faults := ending.faults():
            wrong.append((faults, ending.arguments, ending.code, ending.error[-300:], example))

    run()
    return wrong


def keep(kind, wrong, place):
    """Put what went wrong where FUZZ_OUT says, to be looked at."""
    if "SIZER_FUZZ_OUT" in os.environ:
        folder = Path(os.environ["SIZER_FUZZ_OUT"])
        folder.mkdir(parents=True, exist_ok=True)
        for number, (faults, arguments, code, error, example) in enumerate(wrong):
            name = f"{kind}-{os.getpid()}-{number}"
            (folder / f"{name}.txt").write_text(f"{faults} {arguments} {code}\n{error!r}\n")
            if isinstance(example, bytes):
                (folder / f"{name}.bin").write_bytes(example)


def told(wrong):
    return [(faults, arguments, code, error) for faults, arguments, code, error, _ in wrong]


def copied(given_files, tmp_path):
    shutil.copytree(given_files, tmp_path / "here", symlinks=True)
    return tmp_path / "here"


@pytest.mark.parametrize("part", range(2 if TIMES > 1 else 1))
@pytest.mark.parametrize("kind", KINDS)
def test_a_file(kind, part, given_files, tmp_path):
    name, strategy, count, lines = KINDS[kind]
    place, number = copied(given_files, tmp_path), iter(range(10**9))

    def attempt(contents):
        (place / name).write_bytes(contents)
        line = lines[next(number) % len(lines)]
        return forked.run(line.split(), place, XDG_CACHE_HOME=str(tmp_path / "cache"))

    wrong = tried(strategy(place), max(1, count * TIMES // (2 if TIMES > 1 else 1)), attempt, part)
    keep(kind, wrong, place)
    assert not wrong, told(wrong)


@pytest.mark.parametrize("part", range(2 if TIMES > 1 else 1))
def test_a_line(part, given_files, tmp_path):
    place = copied(given_files, tmp_path)

    def attempt(line):
        return forked.run(line, place, XDG_CACHE_HOME=str(tmp_path / "cache"))

    wrong = tried(hostile.lines(), max(1, 10 * TIMES // (2 if TIMES > 1 else 1)), attempt, part)
    keep("line", wrong, place)
    assert not wrong, told(wrong)
