"""Files and command lines that nobody should give, as hypothesis strategies: one a kind of file."""

import io
import json
import math
import sqlite3
import struct
import zipfile
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np
import onnx
from hypothesis import strategies as st
from tiny import CLASSES, SHAPE, network

LONG = "x" * 5000
TEXTS = (
    *(
        "",
        " ",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "a\nb",
        "a\r\nb",
        "\u202egnp.exe",
        "\u200b",
    ),
    *("<script>alert(1)</script>", "[red]x[/red]", "| a | b |", "'", '"', "`id`", "$(id)", LONG),
    *(
        "../../etc/passwd",
        "/dev/zero",
        "a\0b",
        "\ufeff",
        "nan",
        "%s%n",
        "{x}",
        "\x9b31m",
        "-1",
        "0",
    ),
)
NUMBERS = (
    *(0, -1, 1, 2, 3, 0.5, -0.5, 1e-300, 1e300, -1e300, 1e15, 1e16, 2**31, 2**63, 2**64, 10**30),
    *(1e-12, 0.1, 0.999999, 1.0000001, 5000, 5001, -0.0, 7, 1000000, 12345678901234567890),
)
RAW = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 400,
    "0." + "0" * 400 + "1",
    "[" * 3000,
    "tru",
)
METADATA = (
    *("names", "sizer.classes", "id2label", "sizer.mean", "sizer.std", "sizer.input_range"),
    *("sizer.crop", "sizer.training", "sizer.precision"),
)
LISTS = (
    *("[" * 5000, "(" * 500, "-" * 10**5 + "1", '{"0": ' * 3000, "[1, 2]", "{0: 'a', 0: 'b'}"),
    *('["a", "a", "b", "c", "d"]', '{"9": "a"}', "1e999", "[NaN]", "9" * 5000, "nan,nan,nan"),
    *("[['a'], [], None, 3, {}]", "{-1: 'a'}", "'" * 3000, "0,1", "1,0", "0," * 10**5),
)
odd_texts = st.sampled_from(TEXTS) | st.text(max_size=20)
odd_numbers = st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False)
odd_values = st.one_of(
    odd_numbers,
    odd_texts,
    st.sampled_from([None, True, False, [], {}, [[]], [None], [1, 2, 3], {"a": 1}]),
)


@st.composite
def spoilt_bytes(draw, contents):
    """A few bytes changed, a piece lost, doubled or put elsewhere, or the end cut off."""
    contents = bytearray(contents)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(0, len(contents) - 1)))
        length = draw(st.integers(1, 64))
        piece = bytes(contents[start : start + length])
        change = draw(st.sampled_from(["flip", "write", "lose", "double", "cut", "numbers"]))
        if change == "flip" and contents:
            contents[start] ^= 1 << draw(st.integers(0, 7))
        elif change == "write":
            contents[start : start + length] = draw(st.binary(min_size=1, max_size=16))
        elif change == "lose":
            del contents[start : start + length]
        elif change == "double":
            contents[start:start] = piece * draw(st.integers(1, 9))
        elif change == "cut":
            del contents[start:]
        else:
            odd = draw(st.sampled_from([0, -1, 2**31 - 1, -(2**31), 65535]))
            contents[start : start + 4] = struct.pack("<i", odd)
    return bytes(contents)


def _places(tree, place=()):
    """Where every value of a JSON tree lies."""
    yield place
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _places(value, (*place, key))


@st.composite
def spoilt_json(draw, path):
    """A few values of a JSON file changed, lost, doubled or swapped; or its bytes spoilt."""
    text = path.read_text()
    if draw(st.integers(0, 9)) == 0:
        return draw(spoilt_bytes(text.encode()))
    tree = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        # by way of the depth, so that the few values near the root are not lost among the many
        places = [place for place in _places(tree) if place]
        depth = draw(st.integers(1, max(map(len, places))))
        *way, last = draw(st.sampled_from([p for p in places if len(p) == depth] or places))
        holder = tree
        for key in way:
            holder = holder[key]
        _spoil(draw, holder, last)
        if not [place for place in _places(tree) if place]:
            break
    written = json.dumps(tree, indent=draw(st.sampled_from([None, 1])))
    if draw(st.integers(0, 4)) == 0:
        numbers = [i for i, c in enumerate(written) if c.isdigit() and not written[i - 1].isalnum()]
        at = draw(st.sampled_from(numbers or [0]))
        written = written[:at] + draw(st.sampled_from(RAW)) + written[at + 1 :]
    return written.encode("utf-8", "surrogatepass")


def _spoil(draw, holder, last):
    old = holder[last]
    change = draw(st.sampled_from(["set", "set", "scale", "lose", "double", "of another"]))
    if change == "lose":
        del holder[last]
    elif change == "double" and isinstance(holder, list):
        holder.insert(last, old)
    elif change == "double" and isinstance(old, list):
        holder[last] = old * draw(st.integers(2, 50))
    elif change == "scale" and isinstance(old, int | float) and not isinstance(old, bool):
        holder[last] = old * draw(st.sampled_from([-1, 1e6, 1e-6, 1e150, 0, 3]))
        if not math.isfinite(holder[last]):
            holder[last] = 1e308
    elif change == "of another":
        others = list(holder) if isinstance(holder, dict) else range(len(holder))
        holder[last] = holder[draw(st.sampled_from(list(others)))]
    else:
        holder[last] = draw(odd_values)


@st.composite
def tables(draw):
    """CSV of measurements: mostly sound rows with an odd field, header or byte."""
    columns = ["model", "parameters", "step", "correct", "trials", "chance", "training"]
    sizes = draw(st.lists(st.sampled_from([10, 100, 1000, 10**4, 10**5, 10**15]), max_size=5))
    steps = draw(st.lists(st.sampled_from([0, 1, 50, 100, 200, 400, 800, 5000]), max_size=8))
    rows = [
        [f"m{i}", size, step, max(0, 900 - step // (i + 1)), 1000, 0.1, "clean"]
        for i, size in enumerate(sizes)
        for step in steps
    ]
    for _ in range(draw(st.integers(0, 3)) if rows else 0):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, 6))] = draw(odd_numbers | odd_texts)
    if draw(st.integers(0, 9)) == 0:
        columns[draw(st.integers(0, 6))] = draw(odd_texts)
    kept = draw(st.sampled_from([7, 7, 6, 5, 4]))
    lines = [",".join(map(str, row[:kept])) for row in (columns, *rows)]
    text = draw(st.sampled_from(["\n", "\n", "\r\n"])).join(lines).encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(text)) if draw(st.integers(0, 5)) == 0 else text


@st.composite
def arrays(draw, shape):
    """An .npy file: a sound header or one that promises something odd, and some bytes."""
    kind = draw(
        st.sampled_from(["|u1", "<i8", "<i4", "<f8", "<f2", "|O", "|S5", "<U9", "<c16", "|b1"])
    )
    shape = draw(
        st.sampled_from(
            [shape, (), (0,), shape[:1], (*shape, 1), (2**40, *shape[1:]), (-1,), (10**9,)]
        )
        | st.lists(st.integers(0, 70), max_size=5).map(tuple)
    )
    header = f"{{'descr': '{kind}', 'fortran_order': {draw(st.booleans())}, 'shape': {shape}, }}"
    if draw(st.integers(0, 9)) == 0:
        header = draw(
            st.sampled_from(["[" * 3000, "{" + "'a':" * 9000, "__import__('os')", LONG * 4])
        )
    header = header.ljust(117) + "\n"
    values = draw(st.sampled_from([b"\x01\x00\x00\x00\x00\x00\x00\x00", b"\x00" * 8, b"\xff" * 8]))
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", min(65535, len(header)))
        + header.encode()
        + values * 999
    )


@st.composite
def archives(draw):
    """An .npz file with a sound or an odd array of images or labels, packed in some way."""
    sound = {"images": np.full((50, *SHAPE), 99, np.uint8), "labels": np.arange(50) % CLASSES}
    members = {}
    for name, array in sound.items():
        file = io.BytesIO()
        np.save(file, array)
        odd = draw(st.integers(0, 1)) == 0
        members[name] = draw(arrays(array.shape)) if odd else file.getvalue()
    if draw(st.integers(0, 5)) == 0:
        del members[draw(st.sampled_from(["images", "labels"]))]
    packing = draw(
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, 12])
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive:
        for name, contents in members.items():
            bomb = draw(st.integers(0, 30)) == 0
            archive.writestr(f"{name}.npy", contents + bytes(10**8 if bomb else 0))
    contents = packed.getvalue()
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 1)) == 0 else contents


@st.composite
def parquets(draw):
    """A parquet file whose columns of images and labels are of sound or odd types."""
    import pyarrow
    from pyarrow import parquet

    picture = _picture("PNG")
    images = {
        "bytes": [{"bytes": picture, "path": None}] * 20,
        "spoilt": [{"bytes": draw(spoilt_bytes(picture)), "path": "/etc/passwd"}] * 20,
        "numbers": [{"bytes": 10**10, "path": None}] * 20,
        "lists": [[1, 2, 3]] * 20,
        "none": [None] * 20,
        "texts": [{"bytes": draw(odd_texts), "path": draw(odd_texts)}] * 20,
        "flat": [picture] * 20,
        "empty": [{"bytes": b"", "path": ""}] * 20,
    }
    labels = {
        "sound": [i % CLASSES for i in range(20)],
        "odd": [draw(st.sampled_from([-1, 2**62, 7, 10**9])) for _ in range(20)],
        "floats": [draw(st.sampled_from([-1.0, 0.5, 1e300, math.nan, 3.0])) for _ in range(20)],
        "texts": [draw(odd_texts)] * 20,
        "lists": [[0, 1]] * 20,
        "none": [None] * 20,
        "bool": [True, False] * 10,
    }
    table = {
        draw(st.sampled_from(["image", "image", "img", "\x1b[31m"])): images[
            draw(st.sampled_from(list(images)))
        ],
        draw(st.sampled_from(["label", "label", "y", "fine_label", "a\nb"])): labels[
            draw(st.sampled_from(list(labels)))
        ],
    }
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(table), file)
    contents = file.getvalue()
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 2)) == 0 else contents


def _picture(form, mode="RGB", size=SHAPE[:2]):
    from PIL import Image

    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(file, form)
    return file.getvalue()


@st.composite
def pictures(draw):
    """A picture of some format, sound or spoilt, perhaps under the wrong ending."""
    form, modes = draw(
        st.sampled_from(
            [
                ("PNG", ("RGB", "L", "P", "1", "RGBA", "LA", "I")),
                ("JPEG", ("RGB", "L", "CMYK")),
                ("GIF", ("P", "L")),
                ("BMP", ("RGB", "L", "1")),
                ("TIFF", ("RGB", "L", "F", "I", "CMYK")),
                ("WEBP", ("RGB", "RGBA")),
                ("PPM", ("RGB", "L")),
                ("EPS", ("RGB",)),
                ("PDF", ("RGB",)),
                ("ICO", ("RGBA",)),
                ("TGA", ("RGB",)),
            ]
        )
    )
    size = draw(st.sampled_from([(6, 6), (1, 1), (64, 64), (1, 300)]))
    size = (16, 16) if form == "ICO" else size  # it holds no smaller ones
    contents = _picture(form, draw(st.sampled_from(modes)), size)
    if form == "PNG" and draw(st.integers(0, 3)) == 0:
        sides = draw(st.sampled_from([(2**31 - 1, 2**31 - 1), (0, 1), (30000, 30000), (10**6, 2)]))
        contents = contents[:16] + struct.pack(">II", *sides) + contents[24:]
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 2)) else contents


@st.composite
def models(draw):
    """An ONNX file, a few fields of which are odd, or its bytes."""
    model = network(4)
    if draw(st.integers(0, 3)) == 0:
        return draw(spoilt_bytes(model.SerializeToString()))
    if draw(st.integers(0, 2)) == 0:
        key = draw(st.sampled_from(METADATA))
        model.metadata_props.add(key=key, value=draw(st.sampled_from(LISTS) | odd_texts))
    for _ in range(draw(st.integers(0, 3))):
        _spoil_message(draw, draw(st.sampled_from(list(_messages(model)))))
    return model.SerializeToString()


def _messages(message):
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in [value] if isinstance(value, onnx.ModelProto.__mro__[1]) else value:
                yield from _messages(inner)


def _spoil_message(draw, message):
    """Set, lose or double one field of a protobuf message."""
    field = draw(st.sampled_from(list(message.DESCRIPTOR.fields)))
    many = getattr(field, "is_repeated", None)
    many = field.label == field.LABEL_REPEATED if many is None else many
    change = draw(st.sampled_from(["set", "set", "clear", "double"]))
    if change == "clear":
        message.ClearField(field.name)
    elif field.type == field.TYPE_MESSAGE:
        if many and (inner := getattr(message, field.name)):
            inner.add().CopyFrom(draw(st.sampled_from(list(inner))))
    else:
        value = draw(_field_value(field))
        try:
            if many:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        except (TypeError, ValueError):
            message.ClearField(field.name)


def _field_value(field):
    if field.type == field.TYPE_STRING:
        operators = (
            "RandomNormal",
            "Dropout",
            "Loop",
            "Identity",
            "Softmax",
            "Gather",
            "Tile",
            "If",
        )
        return odd_texts.filter(lambda t: "\udc00" not in t) | st.sampled_from(operators)
    if field.type == field.TYPE_BYTES:
        return st.binary(max_size=40)
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return st.sampled_from([0.0, -1.0, 1e38, math.nan, math.inf, 1e-45])
    if field.type == field.TYPE_BOOL:
        return st.booleans()
    return st.sampled_from([0, -1, 1, 2, 3, 7, 11, 16, 99, 2**31 - 1, -(2**31), 2**40, 2**63 - 1])


@st.composite
def catalogues(draw, text):
    """A TOML file of devices with odd values, lines lost or doubled, or spoilt bytes."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key = lines[at].partition("=")[0]
        value = draw(odd_values)
        written = json.dumps(value) if value is not None else draw(st.sampled_from(RAW))
        change = draw(st.sampled_from(["set", "set", "lose", "double", "bytes"]))
        if change == "set":
            lines[at] = f"{key}= {written}"
        elif change == "double":
            lines.insert(at, lines[at])
        elif change == "lose" and len(lines) > 1:
            del lines[at]
    contents = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 5)) == 0 else contents


def _statements(contents):
    """What may be done to a store by SQL."""
    odd = st.sampled_from(
        (
            *("NULL", "''", "'x'", "-1", "1e300", "9223372036854775807", "x''", "x'00'"),
            *("x'FFFFFFFF'", "randomblob(4000)", "zeroblob(100000)", "'\x1b[31m'"),
        )
    )
    cells = st.sampled_from(["source", "step", "start", "stop", "labels", "digest"])
    return st.one_of(
        st.builds("UPDATE cells SET {} = {}".format, cells, odd),
        st.builds("UPDATE cells SET {0} = {1} WHERE step = 0".format, cells, odd),
        st.builds(
            "UPDATE sources SET {} = {}".format, st.sampled_from(["description", "kept"]), odd
        ),
        st.builds("PRAGMA {} = {}".format, st.just("user_version"), st.integers(-1, 4)),
        st.builds("PRAGMA {} = {}".format, st.just("application_id"), st.integers(0, 2)),
        st.builds("DELETE FROM {}".format, st.sampled_from(["cells", "sources"])),
        st.builds("DROP TABLE {}".format, st.sampled_from(["cells", "sources"])),
        st.builds("ALTER TABLE cells DROP COLUMN {}".format, st.sampled_from(["digest", "labels"])),
        st.builds("ALTER TABLE {0} RENAME TO {0}s".format, st.sampled_from(["cells", "sources"])),
        st.just(
            "CREATE VIEW more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
            " SELECT i FROM n"
        ),
        st.just(
            "CREATE TRIGGER more AFTER INSERT ON cells BEGIN INSERT OR IGNORE INTO cells"
            " SELECT source, step + 1, start, stop, labels, digest FROM cells; END"
        ),
        st.just("CREATE TABLE more (x)"),
    )


@st.composite
def stores(draw, contents):
    """The file of measured cells after some SQL, or with its bytes spoilt."""
    if draw(st.integers(0, 2)) == 0:
        return draw(spoilt_bytes(contents))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(contents[:18] + b"\x01\x01" + contents[20:])  # without a log
        for _ in range(draw(st.integers(1, 3))):
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA ignore_check_constraints = 1")
                connection.execute(draw(_statements(contents)))
        return connection.serialize()


@st.composite
def class_files(draw):
    """Names, numbers or both, a line each, of the right number of classes or not."""
    count = draw(st.sampled_from([CLASSES, CLASSES, 0, 1, 3, 100_000]))
    kind = draw(st.sampled_from(["names", "numbers", "both", "ids"]))
    lines = [
        {"names": f"class {i}", "numbers": f"{i}", "both": f"{i}: class {i}"}.get(kind, f"n{i:08}")
        for i in range(count)
    ]
    for _ in range(draw(st.integers(0, 3)) if lines else 0):
        odd = draw(
            odd_texts | st.sampled_from(["9" * 5000, "-1", "1e9", "²", "٣ x", "0", "#", ","])
        )
        lines[draw(st.integers(0, len(lines) - 1))] = str(odd)
    contents = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 3)) == 0 else contents


@st.composite
def weights(draw):
    """A safetensors file that promises something odd, or spoilt bytes of one."""
    shape = draw(st.sampled_from([[2], [], [0], [2**40], [-1], [2**63, 2**63], "x", None]))
    offsets = draw(st.sampled_from([[0, 8], [0, 2**63], [8, 0], [-1, 8], [], None, [0, 4]]))
    kind = draw(st.sampled_from(["F32", "F64", "U8", "BF16", "X", "", None]))
    name = draw(st.sampled_from(["features.0.0.weight", "classifier.1.bias"]) | odd_texts)
    header = {name: {"dtype": kind, "shape": shape, "data_offsets": offsets}}
    if draw(st.booleans()):
        header["__metadata__"] = draw(odd_values)
    text = json.dumps(header).encode()
    length = draw(st.sampled_from([len(text), len(text), 0, 2**40, 2**63 - 1, 7]))
    contents = struct.pack("<Q", length) + text + bytes(8)
    return draw(spoilt_bytes(contents)) if draw(st.integers(0, 2)) == 0 else contents


@dataclass(frozen=True)
class Option:
    """An option, and what may be given to it besides odd values."""

    name: str
    sound: tuple[str, ...] = ()
    odd: bool = True


HUGE = ("9" * 300, "1e999", "-1", "0", "nan", "inf", "1e9", "100000000", "0x10", "1_000", "\u0661")
words = st.sampled_from([text for text in TEXTS if "\0" not in text]) | st.sampled_from(HUGE)
PLACES = (
    "/dev/full",
    "/dev/null",
    "/dev/zero",
    "/",
    ".",
    "",
    "nosuch/x.json",
    "a" * 300,
    "\udcff.json",
    "link",
)


def _more_lines():
    """Those of further commands, and more options, by names that differ from the commands'."""
    reading = (
        *(Option("--data", ("images.npz", *PLACES)), Option("--classes", (*PLACES, "table.csv"))),
        *(Option("--input-side", ("6", "100000")), Option("--max-bad"), Option("--crop-share")),
        *(Option("--out", ("o.json",)), Option("--steps", ("0,300",)), Option("--tolerance")),
    )
    asking = (
        *(Option("--noise-from", (*PLACES, "photos")), Option("--target-acc", ("0.7",))),
        *(Option("--report", PLACES), Option("--devices-file", PLACES), Option("--device")),
        Option("--precision", ("int8", "fp16")),
    )
    return {
        "cache": ((), (Option("--older-than", ("1d", "1w")), Option("--format", ("json",)))),
        "calibrate ": (("ladder/tiny-2.onnx",), reading),
        "recommend ": ((), (Option("--noise-step", ("300",)), *asking)),
        "noise ": ((*PLACES, "photos", "cal.json"), (Option("--format", ("json", "markdown")),)),
        "devices check": (
            ("ladder/tiny-2.onnx", *PLACES),
            (
                *(Option("--device", ("STM32H747XI", "all")), Option("--max-latency", ("10",))),
                *(Option("--max-flash", ("1MB",)), Option("--reserve-ram", ("1KiB",))),
            ),
        ),
        "devices add": (
            ("x",),
            (
                *(Option("--measure", ("ladder/tiny-2.onnx", *PLACES)), Option("--out", PLACES)),
                Option("--input-side"),
            ),
        ),
    }


@st.composite
def lines(draw):
    """A command line with a few options, of which some are odd. Files: those of `given`."""
    noise = (Option("--noise-step", ("300",)), Option("--sigma"), Option("--snr-db"))
    limits = tuple(
        Option(f"--{name}", ("48KiB", "1MB")) for name in ("max-ram", "max-flash", "reserve-ram")
    )
    asked = (
        *(Option("--calibration", ("cal.json", "builtin")), Option("--confidence", ("0.9",))),
        Option("--format", ("json", "markdown", "text")),
    )
    commands = {
        "recommend": (
            (),
            (
                *noise,
                Option("--target-acc", ("0.7",)),
                *asked,
                *limits,
                Option("--device", ("STM32H747XI",)),
                Option("--max-latency", ("10",)),
            ),
        ),
        "predict": ((), (*noise, Option("--parameters", ("200",)), *asked)),
        "plan": (
            (),
            (*noise, Option("--target-acc", ("0.7",)), Option("--max-cost", ("1",)), *asked),
        ),
        "noise": (
            (),
            (Option("--step"), Option("--sigma"), Option("--snr-db"), Option("--psnr-db")),
        ),
        "fit": (
            ("cal.json", "table.csv"),
            (
                Option("--out", PLACES),
                Option("--levels"),
                Option("--control"),
                Option("--plots", PLACES),
            ),
        ),
        "report": (("cal.json",), (Option("--out", PLACES),)),
        "backtest": (("cal.json",), (Option("--hold-out", ("1", "2")), Option("--format"))),
        "devices": (
            (),
            (
                Option("--ram", ("256KiB",)),
                Option("--name"),
                Option("--core"),
                Option("--devices-file", PLACES),
            ),
        ),
        "calibrate": (
            ("ladder", "ladder/tiny-2.onnx"),
            (
                Option("--data", (*PLACES, "images.npz")),
                Option("--steps", ("0,300,900", "0:1")),
                Option("--images", ("20",)),
                Option("--input-range", ("0,1",)),
                Option("--mean"),
                Option("--std"),
                Option("--out", PLACES),
                Option("--tolerance"),
            ),
        ),
        "train": (
            ("--sizes",),
            (
                Option("--seeds"),
                Option("--epochs"),
                Option("--noise-augment", ("0:800",)),
                Option("--out", PLACES),
                Option("--data", ("nosuch",)),
            ),
        ),
        "export": (
            ("b0", "b9"),
            (
                Option("--class-count", ("0", "100000000")),
                Option("--out", ("/dev/full", "nosuch/b0.onnx", "a.txt")),
            ),
        ),
        "quantize": (
            ("ladder/tiny-2.onnx", "cal.json"),
            (Option("--out", PLACES), Option("--data", (*PLACES, "images.npz"))),
        ),
    }
    commands |= _more_lines()
    name = draw(st.sampled_from(list(commands)))
    places, options = commands[name]
    given = name.split()
    if name == "train":
        given += [
            "--sizes",
            draw(
                st.sampled_from(
                    ["1:2:1000000000", "0:0:0", "a:b:c", "1e3:1e3:-1", "1e300:1e300:1", "1:1e15:3"]
                )
            ),
        ]
    elif places:
        given.append(draw(st.sampled_from(places) | words))
    for option in draw(st.lists(st.sampled_from(options), max_size=5)):
        given += [
            option.name,
            draw(st.sampled_from(option.sound) | words if option.sound else words),
        ]
    return [argument for argument in given if "\0" not in argument]
