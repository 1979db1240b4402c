"""Results as text: pure functions, nothing printed or written here."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sizer.calibration import Calibration
from sizer.devices.records import Device, DeviceCheck, DeviceVerdict
from sizer.noise import NoiseLevel
from sizer.noise.camera import CameraNoise, Spread
from sizer.results import (
    AccuracyScore,
    Advice,
    BacktestScore,
    ErrorBudget,
    Estimate,
    HoldOut,
    LadderBacktest,
    PredictedAccuracy,
    PredictedSize,
    Provenance,
    Report,
    RequirementMap,
    SizeScore,
    TrainingPlan,
)
from sizer.scaling.backtests import Backtest
from sizer.scaling.surface import LawFit

REPORT_MARK = "a report of sizer"  # near the beginning of every report, to know it again
ANSWERING = 0.01  # weight from which on a law is asked
SMALLER = "fewer than a tenth of the smallest model's"  # parameters: no smaller size is looked at
CLAIM = "90%"  # of the intervals of a back-test


def number(value: float | None, form: str = ".3g") -> str:
    """A figure, or a dash where it is unknown."""
    return "-" if value is None else format(value, form)


def interval(estimate: Estimate | None, form: str = ".3g") -> str:
    """`0.28 (0.26 to 0.30)`, or as much of it as is known."""
    if estimate is None or estimate.value is None:
        return "-"
    value = format(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval)"
    return f"{value} ({format(estimate.low, form)} to {format(estimate.high, form)})"


def size_interval(advice: Advice) -> str:
    """`310,000 (240,000 to 420,000)` parameters; an open end is said in words."""
    sizes = advice.parameters
    if sizes is None or sizes.best is None:
        return "-"
    return _size_interval(Estimate(sizes.best, sizes.low, sizes.high))


def _size_interval(sizes: Estimate) -> str:
    low = "any size" if not sizes.low else f"{sizes.low:,.0f}"
    high = "no upper bound" if sizes.high is None else f"{sizes.high:,.0f}"
    best = f"{sizes.value:,.0f}" if sizes.value else SMALLER
    return f"{best} ({low} to {high})" if sizes.high != 0 else SMALLER


def headline(report: Report) -> tuple[str, str]:
    """The answer in a few words, and in one sentence with its interval."""
    advice, calibration = report.advice, report.calibration
    if advice is None:
        sizes = {model.parameters for model in calibration.models}
        return "What the ladder shows", (
            f"{len(calibration.models)} models of {min(sizes):,} to {max(sizes):,} parameters "
            f"under noise{_best_law(calibration)}."
        )
    sizes_found = advice.parameters
    if advice.verdict == "recommended" and sizes_found and sizes_found.recommended is not None:
        wanted = advice.requirement
        return f"{sizes_found.recommended:,} parameters", (
            f"The next training of that size reaches {wanted.target_accuracy:g} at noise step "
            f"{wanted.noise_step:.4g} with {wanted.confidence:.0%} confidence; the mean over "
            f"trainings reaches it at {size_interval(advice)} parameters, "
            f"{wanted.confidence:.0%} interval."
        )
    named = "No size reaches it" if advice.verdict == "unreachable" else "No size can be named"
    return named, f"{advice.reason[0].upper()}{advice.reason[1:]}."


def _best_law(calibration: Calibration) -> str:
    fit = calibration.fit
    if fit is None:
        return "; too few for a scaling law"
    return f", and the {fit.law} law predicts left-out sizes best: {fit.verdict}"


def advice_facts(advice: Advice) -> list[tuple[str, str]]:
    """The answer as pairs of name and value, in reading order."""
    requirement, test = advice.requirement, advice.backtest
    facts = [
        ("accuracy wanted", f"{requirement.target_accuracy:g}"),
        ("at noise step", f"{requirement.noise_step:.4g}"),
        ("confidence", f"{requirement.confidence:.0%}"),
    ]
    if advice.camera is not None:
        facts[2:2] = [(f"camera's {name}", value) for name, value in camera_rows(advice.camera)]
    if advice.parameters is not None and advice.parameters.best is not None:
        facts.append(("mean curve reaches it at", f"{size_interval(advice)} parameters"))
    if advice.ceiling is not None:
        facts.append(("ceiling at this step", interval(advice.ceiling, ".3f")))
    if advice.precision is not None:
        facts.append(("accuracies measured at", advice.precision))
    if advice.largest_step is not None:
        facts.append(("target reached up to step", f"{advice.largest_step:.4g}"))
    if advice.errors is not None:
        facts.append(("accuracy known to", _errors_line(advice.errors)))
    facts.append(("law", _laws_line(advice)))
    if advice.extrapolation_ratio is not None:
        facts.append(("size over largest trained", f"{advice.extrapolation_ratio:.2f}"))
    if test is not None:
        facts.append(("back-test", _backtest_line(test)))
    if advice.architecture is not None:
        member = advice.architecture
        facts.append(
            (
                "smallest member of that size",
                f"width {member.width:g}, {member.parameters:,} parameters, "
                f"{member.macs:,} multiply-accumulates",
            )
        )
    return facts


def _errors_line(errors: ErrorBudget) -> str:
    statistical = math.hypot(errors.fit, errors.images)
    systematic = math.hypot(errors.misfit, errors.laws)
    return (
        f"{statistical:.4f} statistical, {systematic:.4f} between laws and data; "
        f"one training scatters by {errors.training:.4f}"
    )


def _laws_line(advice: Advice) -> str:
    """The laws by weight, each with the size that it alone would name."""
    if not advice.laws:
        return advice.law
    return "; ".join(
        f"{answer.law} {answer.weight:.0%}: "
        + ("no size" if answer.best is None else f"{answer.best:,.0f}" if answer.best else "any")
        for answer in advice.laws
    )


def _backtest_line(test: Backtest) -> str:
    held = "largest size" if test.hold_out == 1 else f"{test.hold_out} largest sizes"
    size = test.log10_size_error
    off = "" if size is None else f", size by a factor of {10**size:.1f}"
    return (
        f"{held} predicted {test.ratio:.1f} times beyond the rest: "
        f"accuracy off by {test.accuracy_rms:.3f} RMS{off}"
    )


def advice_object(advice: Advice) -> dict[str, Any]:
    """The JSON object of `recommend`."""
    fields = asdict(advice)
    if advice.ceiling is not None:
        ceiling = advice.ceiling
        fields["ceiling"] = {"low": ceiling.low, "best": ceiling.value, "high": ceiling.high}
    if advice.camera is not None:
        for name in ("pictures", "warnings"):  # the one too long, the other among the answer's own
            del fields["camera"][name]
    return {
        **{name: fields.pop(name) for name in ("verdict", "reason", "requirement")},
        **fields,
    }


def advice_json(advice: Advice) -> str:
    return json.dumps(advice_object(advice), indent=2, allow_nan=False)


def advice_markdown(advice: Advice) -> str:
    rows = [f"| {name} | {value} |" for name, value in advice_facts(advice)]
    warnings = [f"- {warning}" for warning in advice.warnings]
    parts = [f"**{advice.verdict}**: {advice.reason}", "", "| | |", "|---|---|", *rows]
    if advice.devices:
        parts += ["", verdicts_markdown(advice.devices)]
    if warnings:
        parts += ["", "Warnings:", "", *warnings]
    if advice.train_command:
        parts += ["", "Trained by:", "", f"    {advice.train_command}"]
    return "\n".join(parts)


Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]  # title, headings and rows


def plan_tables(planned: TrainingPlan) -> list[Table]:
    """Title, headings and rows: the trainings chosen in their order, and each candidate alone."""
    headings = ("parameters", "cost", "interval, a factor of")
    found: list[Table] = []
    for title, candidates in (
        ("Train in this order; what is expected once each is added", planned.chosen),
        ("Each alone, the most for its cost first", planned.candidates),
    ):
        rows: list[tuple[str, ...]] = [
            (f"{one.parameters:,}", f"{one.cost:.3g}", f"{one.interval_factor:.2f}")
            for one in candidates
        ]
        if rows:
            found.append((title, headings, rows))
    return found


def plan_json(planned: TrainingPlan) -> str:
    return json.dumps(asdict(planned), indent=2, allow_nan=False)


def plan_markdown(planned: TrainingPlan) -> str:
    parts = [planned.reason]
    for title, headings, rows in plan_tables(planned):
        parts += ["", f"**{title}**", "", _markdown(headings, rows)]
    return "\n".join(parts)


def backtest_verdicts(found: LadderBacktest) -> list[str]:
    """One line for each number of sizes left out."""
    return [f"{_left_out(one)} left out: {one.verdict}" for one in found.hold_outs]


def _left_out(one: HoldOut) -> str:
    count = len(one.held)
    return "largest size" if count == 1 else f"{count} largest sizes"


def backtest_summary(found: LadderBacktest) -> list[Table]:
    """Accuracy and size by held-out size, and the laws one by one."""
    scores = [(one, score) for one in found.hold_outs for score in one.scores]
    name = ("out", "size", "times")
    accuracy = (
        "Accuracy, predicted minus measured, of sizes so many times the largest fitted; "
        f"held: {CLAIM} intervals of the next training that hold; †: where the model does more "
        "than guess",
        (*name, "RMS", "worst", "held", "RMS†", "worst†", "held†"),
        [
            (*_score_name(one, score), *_errors(score.accuracy), *_errors(score.informative))
            for one, score in scores
        ],
    )
    size = (
        "Size, where it still buys accuracy: factor between predicted and needed; told: answers "
        "of those asked for; open: intervals without an upper end; luck: held, with room for the "
        "luck of the trainings left out",
        (*name, "told", "RMS", "median", "worst", "held", "open", "luck"),
        [(*_score_name(one, score), *_factors(score.size)) for one, score in scores],
    )
    return [accuracy, size, _laws_alone(found)]


def _score_name(one: HoldOut, score: BacktestScore) -> tuple[str, ...]:
    size = "all" if score.parameters is None else f"{score.parameters:,}"
    return str(len(one.held)), size, f"{score.ratio:.1f}"


def _errors(score: AccuracyScore | None) -> tuple[str, ...]:
    if score is None:
        return "-", "-", "-"
    return f"{score.rms:.4f}", f"{score.worst:+.3f}", _of(score.held, score.points)


def _factors(score: SizeScore) -> tuple[str, ...]:
    told = score.asked - score.refused
    factors = (score.factor_rms, score.factor_median, score.factor_worst)
    return (
        f"{told}/{score.asked}",
        *(number(factor, ".2f") for factor in factors),
        _of(score.held, told),
        str(score.open_ended),
        _of(score.held_training, told),
    )


def _of(share: float | None, count: int) -> str:
    return "-" if share is None else f"{round(share * count)}/{count}"


def _laws_alone(found: LadderBacktest) -> Table:
    """Each law's error alone, in the order of the first hold-out, with its weight in the answer."""
    headings = ["law"]
    rows: dict[str, list[str]] = {}
    for one in found.hold_outs:
        headings += [f"RMS ({len(one.held)})", "weight"]
        for law in one.laws:
            weight = f"{law.weight:.0%}" if law.trusted else "none"
            shown = [f"{law.backtest.accuracy_rms:.4f}", weight]
            rows.setdefault(law.backtest.law, []).extend(shown)
    title = (
        "Each law by itself, all steps, with so many sizes left out; the answer is their mean by "
        "weight, none: not trusted"
    )
    return title, tuple(headings), [(law, *cells) for law, cells in rows.items()]


def backtest_details(found: LadderBacktest) -> list[Table]:
    """Every prediction of each hold-out: of accuracies, and of sizes."""
    tables: list[Table] = []
    for one in found.hold_outs:
        title = f"{_left_out(one)} left out, at most {one.fitted[-1]:,} parameters fitted"
        tables.append(
            (
                f"Accuracy: {title}",
                ("model", "parameters", "step", f"predicted ({CLAIM})", "measured", "difference"),
                [_accuracy_row(point) for point in one.accuracies],
            )
        )
        if one.sizes:
            tables.append(
                (
                    f"Size: {title}",
                    ("step", "accuracy wanted", "needed", f"predicted ({CLAIM})", "factor"),
                    [_size_row(answer) for answer in one.sizes],
                )
            )
    return tables


def _accuracy_row(point: PredictedAccuracy) -> tuple[str, ...]:
    missed = (point.predicted.value or 0.0) - point.measured
    return (
        point.model,
        f"{point.parameters:,}",
        f"{point.step:g}",
        interval(point.predicted, ".3f"),
        f"{point.measured:.3f}",
        f"{missed:+.3f}",
    )


def _size_row(answer: PredictedSize) -> tuple[str, ...]:
    asked = (f"{answer.step:g}", f"{answer.target:.3f}", f"{answer.needed:,}")
    if answer.predicted is None:
        return (*asked, "refused" if answer.verdict == "untrusted" else "out of reach", "-")
    factor = (answer.predicted.value or 0.0) / answer.needed
    return (*asked, _size_interval(answer.predicted), f"{factor:.2f}")


def backtest_json(found: LadderBacktest) -> str:
    return json.dumps(asdict(found), indent=2, allow_nan=False)


def backtest_markdown(found: LadderBacktest) -> str:
    parts = [f"- {line}" for line in backtest_verdicts(found)]
    for title, headings, rows in (*backtest_summary(found), *backtest_details(found)):
        parts += ["", f"**{title}**", "", _markdown(headings, rows)]
    return "\n".join(parts)


def verdict_facts(found: DeviceVerdict) -> list[tuple[str, str]]:
    """Whether a network fits a device, as pairs of name and value."""
    sure = f" ({found.confidence})" if found.confidence else ""
    facts = [("verdict", f"{found.verdict}{sure}")]
    checks = {"RAM": found.ram, "flash": found.flash, "latency": found.latency}
    facts += [(name, _check_line(check)) for name, check in checks.items()]
    facts += [
        ("takes", f"{interval(one.milliseconds)} ms by {one.runtime or 'any runtime'}")
        for one in found.latencies
    ]
    if found.reach is not None:
        most, step = found.reach, found.reach.noise_step
        upto = "at no step" if step is None else f"up to step {step:.4g}"
        held = f"{most.parameters:,} parameters: {interval(most.accuracy, '.3f')} at this step"
        facts.append(("the most it holds", f"{held}, the accuracy wanted {upto}"))
    return facts


def _check_line(check: DeviceCheck) -> str:
    sure = f" ({check.confidence})" if check.confidence else ""
    return f"{check.verdict}: {check.reason}{sure}"


def verdicts_json(found: Sequence[DeviceVerdict]) -> str:
    return json.dumps([asdict(one) for one in found], indent=2, allow_nan=False)


def verdicts_markdown(found: Sequence[DeviceVerdict]) -> str:
    """One row a device; what it holds in the last column, where that was asked."""
    rows = []
    for one in found:
        facts: dict[str, list[str]] = {}
        for name, value in verdict_facts(one):
            facts.setdefault(name, []).append(value)
        columns = ("verdict", "RAM", "flash", "latency", "takes", "the most it holds")
        rows.append((one.name, *("; ".join(facts.get(name, ["-"])) for name in columns)))
    return _markdown(("device", *columns), rows) if rows else ""


def device_rows(devices: Sequence[Device]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows; timed: how many networks at each precision."""
    headings = ("device", "core", "MHz", "RAM", "flash", "timed")
    return headings, [_device_row(device) for device in devices]


def _device_row(device: Device) -> tuple[str, ...]:
    networks = {(timing.precision, timing.model) for timing in device.timings}
    counts = Counter(precision for precision, _ in sorted(networks))
    return (
        device.name if device.board is None else f"{device.name}, {device.board}",
        device.core,
        number(device.clock_mhz, ".4g"),
        memory(device.ram),
        "external" if device.external_flash else memory(device.flash),
        ", ".join(f"{count} {precision}" for precision, count in counts.items()) or "-",
    )


def memory(size: int | None) -> str:
    """Bytes as KiB, or a dash; whole MiB and GiB as those."""
    if size is None:
        return "-"
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size / 2**10:,.0f} KiB"


def devices_json(devices: Sequence[Device]) -> str:
    return json.dumps([asdict(device) for device in devices], indent=2, allow_nan=False)


def devices_markdown(devices: Sequence[Device]) -> str:
    return _markdown(*device_rows(devices))


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(c.replace('|', '&#124;') for c in line)} |" for line in lines)


def width_rows(calibration: Calibration) -> list[tuple[str, str, str]]:
    """Level pair, exponent with its interval, number of widths."""
    law = calibration.width_law
    if law is None:
        return []
    rows = [
        (f"{pair.levels[0]:g}, {pair.levels[1]:g}", interval(pair.exponent), str(pair.widths))
        for pair in law.pairs
    ]
    total = sum(pair.widths for pair in law.pairs)
    return [*rows, ("common", interval(law.exponent), f"{total} ({law.censored} censored)")]


def law_table(calibration: Calibration) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: each law's misfit in accuracy, and what back-tests say it is off by."""
    held = sorted({test.hold_out for test in calibration.backtests})
    headings = ("law", "misfit", *(f"largest {count} left out" for count in held))
    errors = {(test.law, test.hold_out): test.accuracy_rms for test in calibration.backtests}
    rows = [
        (
            fit.law,
            f"{fit.residual_rms:.4f}",
            *(number(errors.get((fit.law, count)), ".4f") for count in held),
        )
        for fit in calibration.laws
    ]
    return headings, rows


def parameter_table(fit: LawFit) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of a law's parameters; those of the knots in one row a knot."""
    found = dict(zip(fit.names, fit.intervals, strict=False))
    if fit.law != "saturating":
        return ("parameter", "value (90 %)"), [(n, interval(e)) for n, e in found.items()]
    rows = [
        (f"{step:g}", interval(found.get(f"ceiling_{i}")), interval(found.get(f"gain_{i}")))
        for i, step in enumerate(fit.knots)
    ]
    rates = (
        "rate at both ends",
        *(interval(found.get(f"rate_{end}")) for end in ("first", "last")),
    )
    return ("step", "ceiling A (90 %)", "gain B (90 %)"), [*rows, rates]


def width_precision(calibration: Calibration) -> str:
    """How well counting alone lets the widths be known."""
    if calibration.precision is None:
        return "how well the widths are known is not known: a width has no interval"
    return (
        f"each model's widths are known to {calibration.precision:.1%} or better "
        "(90 %, from counting)"
    )


def model_rows(calibration: Calibration, steps: Sequence[float]) -> list[tuple[str, ...]]:
    """Model, parameters, and accuracy at the measured steps given."""
    by_cell = {(cell.model, cell.step): cell for cell in calibration.cells}
    rows = []
    for model in sorted(calibration.models, key=lambda one: (one.parameters, one.name)):
        cells = [by_cell.get((model.name, step)) for step in steps]
        shown = [f"{cell.correct / cell.trials:.3f}" if cell else "-" for cell in cells]
        rows.append((model.name, f"{model.parameters:,}", *shown))
    return rows


def noise_rows(level: NoiseLevel) -> list[tuple[str, str]]:
    return [
        ("step", f"{level.step:.1f}"),
        ("sigma, grey levels of 0..255", f"{level.sigma:.2f}"),
        ("SNR, dB", f"{level.snr_db:.2f}"),
        ("PSNR, dB", f"{level.psnr_db:.2f}"),
        ("image share mu", f"{level.mu:.5f}"),
        ("noise share", f"{level.noise:.5f}"),
    ]


def noise_json(level: NoiseLevel) -> str:
    """JSON has no infinity: the ratios of a noiseless image are null."""
    fields = asdict(level)
    finite = {name: value if math.isfinite(value) else None for name, value in fields.items()}
    return json.dumps(finite, indent=2, allow_nan=False)


def camera_rows(camera: CameraNoise) -> list[tuple[str, str]]:
    skipped = f", {camera.skipped:,} skipped" if camera.skipped else ""
    return [
        ("step", _spread(camera.step, ".1f")),
        ("sigma, grey levels of 0..255", _spread(camera.sigma, ".2f")),
        ("pictures", f"{camera.used:,}{skipped}"),
    ]


def _spread(found: Spread, form: str) -> str:
    """`51.2 (48.0 to 60.3 in nine of ten pictures)`."""
    low, high = format(found.low, form), format(found.high, form)
    return f"{format(found.median, form)} ({low} to {high} in nine of ten pictures)"


def camera_json(camera: CameraNoise) -> str:
    return json.dumps(asdict(camera), indent=2, allow_nan=False)


def calibration_facts(calibration: Calibration) -> list[tuple[str, str]]:
    """What was measured, as pairs of name and value."""
    sizes = sorted({model.parameters for model in calibration.models})
    steps = sorted({cell.step for cell in calibration.cells})
    counts = sorted(Counter(cell.model for cell in calibration.cells).values())
    least, most = counts[0], counts[-1]
    each = f"{most}" if least == most else f"{least} to {most} a model,"
    facts = [
        ("models", f"{len(calibration.models)} of {len(sizes)} sizes"),
        ("parameters", f"{sizes[0]:,} to {sizes[-1]:,}"),
        ("noise steps", f"{each} from {steps[0]:g} to {steps[-1]:g}"),
        ("images a model", f"{calibration.images:,}"),
        ("chance", f"{calibration.chance:.4g}"),
    ]
    if calibration.models[0].precision is not None:
        facts.append(("measured at", calibration.models[0].precision))
    if calibration.ladder is not None:
        facts.append(("training", calibration.ladder.recipe.family))
    return facts


def weight_table(calibration: Calibration) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: each law's weight in an answer, its misfit in accuracy, its verdict."""
    rows: list[tuple[str, ...]] = [
        (fit.law, f"{fit.weight:.0%}", f"{fit.residual_rms:.4f}", fit.verdict)
        for fit in calibration.laws
    ]
    return ("law", "weight", "misfit", "verdict"), rows


def backtest_table(
    calibration: Calibration, answering: bool
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: predictions of the largest sizes, left out, by the laws that have a
    weight in the answer, or by those that have none; the heaviest first.
    """
    weights: dict[str, float] = {fit.law: fit.weight for fit in calibration.laws}
    tests = [
        test for test in calibration.backtests if (weights[test.law] >= ANSWERING) == answering
    ]
    headings = ("law", "sizes left out", "times beyond", "accuracy off, RMS", "worst", "size off")
    rows: list[tuple[str, ...]] = [
        (
            test.law,
            str(test.hold_out),
            f"{test.ratio:.1f}",
            f"{test.accuracy_rms:.4f}",
            f"{test.accuracy_worst:.4f}",
            "-" if test.log10_size_error is None else f"{10**test.log10_size_error:.1f} times",
        )
        for test in sorted(tests, key=lambda one: (-weights[one.law], one.hold_out))
    ]
    return headings, rows


def map_table(found: RequirementMap) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of a part of the requirement map: a row a target, the highest first."""
    columns, rows = _some(len(found.steps), 9), _some(len(found.targets), 10)
    headings = ("accuracy", *(f"step {found.steps[j]:g}" for j in columns))
    words = {"unreachable": "no size", "untrusted": "not known"}
    return headings, [
        (
            f"{found.targets[i]:g}",
            *(
                f"{cell.recommended:,}" if cell.recommended else words[cell.verdict]
                for cell in (found.cells[i][j] for j in columns)
            ),
        )
        for i in reversed(rows)
    ]


def _some(count: int, most: int) -> list[int]:
    """Evenly spaced indices."""
    return list(range(0, count, -(-count // most)))


def provenance_facts(found: Provenance) -> list[tuple[str, str]]:
    """Data and programs, as pairs of name and value."""
    data = {"trained on": found.trained_on, "measured on": found.measured_on}
    facts = [
        (
            name,
            f"{info.spec}, {info.split}: {info.images:,} images of {info.shape[0]} x "
            f"{info.shape[1]}, {info.classes} classes, SHA-256 {info.fingerprint}",
        )
        for name, info in data.items()
        if info is not None
    ]
    versions = [tuple(line.split(": ", 1)) for line in found.versions]
    return [*facts, *((f"{made} made by", program) for made, program in versions)]


def hash_table(found: Provenance) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: the models that were measured; empty where they were no files."""
    rows: list[tuple[str, ...]] = [
        (model.name, f"{model.parameters:,}", model.sha256)
        for model in sorted(found.models, key=lambda one: (one.parameters, one.name))
        if model.sha256
    ]
    return ("model", "parameters", "SHA-256"), rows


def report_json(report: Report) -> str:
    """Everything on the page, and the calibration whole."""
    fields = {"kind": REPORT_MARK, **asdict(report)}
    if report.advice is not None:
        fields["advice"] = advice_object(report.advice)
    return json.dumps(fields, indent=1, allow_nan=False)


def report_markdown(report: Report) -> str:
    """The page's words and tables."""
    calibration, advice = report.calibration, report.advice
    title, sentence = headline(report)
    parts = [f"<!-- {REPORT_MARK} -->", f"# {title}", sentence]
    if advice is not None:
        parts += [_facts_markdown(advice_facts(advice))]
        if advice.train_command:
            parts += [f"Trained by:\n\n    {advice.train_command}"]
        if advice.devices:
            parts += ["## Devices", verdicts_markdown(advice.devices)]
    parts += ["## The measurement", _facts_markdown(calibration_facts(calibration))]
    if report.requirements is not None:
        parts += ["## What each requirement takes", _markdown(*map_table(report.requirements))]
    if calibration.width_law is not None:
        parts += ["## Width of the fall", calibration.width_law.verdict]
        parts += [_markdown(("levels", "exponent (90 %)", "widths"), width_rows(calibration))]
    parts += ["## Laws", _markdown(*weight_table(calibration))]
    if calibration.backtests:
        headings, rows = backtest_table(calibration, answering=True)
        rows = [*rows, *backtest_table(calibration, answering=False)[1]]
        parts += ["## Back-test", _markdown(headings, rows)]
    warnings = advice.warnings if advice else calibration.warnings
    if warnings:
        parts += ["## Warnings", "\n".join(f"- {warning}" for warning in warnings)]
    return "\n\n".join([*parts, *_provenance_markdown(report.provenance)]) + "\n"


def _provenance_markdown(found: Provenance) -> list[str]:
    commands = "\n".join(found.commands)
    parts = ["## How to reproduce", f"```sh\n{commands}\n```"]
    parts += [_facts_markdown(provenance_facts(found))]
    headings, rows = hash_table(found)
    return [*parts, _markdown(headings, rows)] if rows else parts


def _facts_markdown(facts: Sequence[tuple[str, str]]) -> str:
    return _markdown(("", ""), facts)
