"""Brings published timings into the catalogue: `python benchmarks/timings.py TABLE.csv`.

TABLE has a row for each measurement, with the columns that this script reads. What is taken:
latencies of one image whose precision is stated. Left out: throughputs, which are no latencies;
hybrid precisions; boards that are previews; a board that repeats another's figures. A row of the
catalogue that the table has too is replaced by the table's; the others stay.
"""

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOM = Path(__file__).parents[1] / "sizer" / "devices"
TIMINGS, NETWORKS = ROOM / "timings.csv", ROOM / "networks.csv"
COLUMNS = (
    "device", "processor", "threads", "runtime", "version", "precision", "network", "latency_ms",
    "energy_uj", "source", "licence",
)  # fmt: skip
PRECISIONS = {"fp32": "fp32", "fp16": "fp16", "int8": "int8"} | dict.fromkeys(
    ("w8a16", "w8a16_mixed_int16"), "w8a16"
)
LEFT_OUT = {"SA7255P ADP", "NUCLEO-U3C5ZIT6-Q"}  # repeats QCS8275 (Proxy); a preview
NAMES = {
    "CY8CPROTO-062-4343W": "Infineon PSoC 62",
    "DISCO-F746NG": "STM32F746NG",
    "EK-RA8D1": "Renesas RA8D1",
    "NUCLEO-G0B1RE": "STM32G0B1RE",
    "NUCLEO-H7A3ZI": "STM32H7A3ZI",
    "NUCLEO-H7A3ZI-Q": "STM32H7A3ZI",
    "NUCLEO-L4R5ZI": "STM32L4R5ZI",
    "NUCLEO-L4R5ZI-P": "STM32L4R5ZI",
    "NUCLEO-U385RG-Q": "STM32U385RG",
    "Renesas RH850/F1KM-S4 R7F701649": "Renesas RH850/F1KM-S4",
    "STM32F769I-DISCO": "STM32F769NI",
    "STM32H747I-DISCO": "STM32H747XI",
    "STM32MP135F-DK2": "STM32MP135F",
    "STM32MP157F-DK2": "STM32MP157F",
    "STM32MP257F-DK2": "STM32MP257F",
    "STM32N6570-DK": "STM32N657X0",
}
SPELLED = {"mobilenet_v2": "mobilenet_v2_1.0", "mobilenetv2_a100": "mobilenet_v2_1.0"}
# Sources that count more than 2 % otherwise than another does.
OTHER_COUNT = {
    ("resnet50", "3488500000"): "-nxp",
    ("squeezenet_v1.1 [food-101]", "83650000"): "-food-101",
    ("squeezenet_v1.1 [food-101]", "274650000"): "-food-101",
    ("mobilenet_v2_0.35 [flowers]", "19000000"): "-flowers",
    ("mobilenet_v2_0.35 [food-101]", "19200000"): "-flowers",
}
PAPERS = "its paper or torchvision's documentation"
TIMM = "huggingface/pytorch-image-models: results/benchmark-infer-amp-nhwc-pt240-cu124-rtx3090.csv"
TIMED_IN_TIMM = re.compile(
    "convnext|densenet|dla102x|efficientformer|efficientnet_b4|efficientvit|levit|efficientnetv2"
)
Row = dict[str, str]


def taken(row: Row) -> bool:
    return (
        bool(row["latency_ms"]) and row["precision"] in PRECISIONS and row["device"] not in LEFT_OUT
    )


def timing(row: Row) -> Row:
    """A row of the table as one of the catalogue."""
    engine, microcontroller = row["core_or_engine"], row["core_or_engine"].startswith("Cortex-M")
    return {
        "device": NAMES.get(row["device"], row["device"]),
        "processor": "npu" if engine.startswith("npu") else "cpu",
        "threads": row["threads"] or ("1" if microcontroller else ""),
        "runtime": row["runtime"],
        "version": row["runtime_version"],
        "precision": PRECISIONS[row["precision"]],
        "network": network(row),
        "latency_ms": row["latency_ms"],
        "energy_uj": row["energy_uj"],
        "source": row["source"],
        "licence": row["licence"],
    }


def network(row: Row) -> str:
    """Its name with its input's side, without the classes of its head where they hardly count."""
    if row["model"].startswith("tiny-"):
        return row["model"]
    name = SPELLED.get(row["model"], re.sub(r" \[.*\]", "", row["model"]))
    return f"{name}-{row['input_side']}{OTHER_COUNT.get((row['model'], row['macs']), '')}"


def counted(row: Row) -> Row:
    """The network of a row, its multiply-accumulates, and who counted them."""
    publisher = row["source"].split(":")[0]
    source = publisher if not publisher.startswith("quic") else PAPERS
    if TIMED_IN_TIMM.match(row["model"]):
        source = TIMM
    return {"network": network(row), "macs": row["macs"], "source": source if row["macs"] else ""}


def same(one: Row) -> tuple[str, str, str]:
    """Rows that agree here and within a thousandth in latency are one measurement."""
    return one["device"], one["precision"], f"{float(one['latency_ms']):.3g}"


def merged(old: Iterable[Row], new: list[Row]) -> list[Row]:
    known = {same(row) for row in new}
    kept = [row for row in old if same(row) not in known]
    return sorted([*kept, *new], key=lambda row: tuple(row[column] for column in COLUMNS))


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, tuple(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(table: Path) -> None:
    rows = [row for row in read(table) if taken(row)]
    timings = merged(read(TIMINGS), [timing(row) for row in rows])
    networks = {row["network"]: row for row in read(NETWORKS)}
    for row in map(counted, rows):
        networks.setdefault(row["network"], row)
    used = {row["network"] for row in timings}
    write(TIMINGS, COLUMNS, timings)
    write(NETWORKS, ("network", "macs", "source"), (networks[name] for name in sorted(used)))
    print(f"{len(rows)} rows of {table.name}, {len(timings)} timings, {len(used)} networks")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
