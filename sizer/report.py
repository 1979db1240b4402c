"""Results as text: pure functions, nothing printed or written here."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sizer.calibration import Calibration
from sizer.devices.records import Device, DeviceCheck, DeviceVerdict
from sizer.estimate import Estimate
from sizer.noise import NoiseLevel
from sizer.noise.camera import CameraNoise, Spread
from sizer.predict.accuracy import AccuracyRange, Prediction
from sizer.predict.advice import Advice, Uncertainty
from sizer.predict.backtest import (
    AccuracyScore,
    BacktestScore,
    HoldOut,
    LadderBacktest,
    PredictedAccuracy,
    PredictedSize,
    SizeScore,
)
from sizer.predict.hindcast import Hindcast
from sizer.predict.outlook import Outlook, RequirementMap
from sizer.predict.plan import TrainingPlan
from sizer.predict.sizes import MeasuredSize, SizeEstimate
from sizer.provenance import Provenance
from sizer.scaling.surface import LawFit

REPORT_MARK = "a report of sizer"  # near the beginning of every report, to know it again
SMALLER = "fewer than a tenth of the smallest model's"  # parameters: no smaller size is looked at
CLAIM = "90%"  # of the intervals of a back-test


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. advice, outlook: None without a question or a size; requirements:
    None where no noise may be asked about.
    """

    name: str
    calibration: Calibration
    provenance: Provenance
    requirements: RequirementMap | None = None
    advice: Advice | None = None
    outlook: Outlook | None = None


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


def size_interval(sizes: SizeEstimate | None) -> str:
    """`310,000 (240,000 to 420,000)` parameters; an open end is said in words."""
    if sizes is None or sizes.best is None:
        return "-"
    low = "any size" if not sizes.low else f"{sizes.low:,.0f}"
    high = "no upper bound" if sizes.high is None else f"{sizes.high:,.0f}"
    best = f"{sizes.best:,.0f}" if sizes.best else SMALLER
    return f"{best} ({low} to {high})" if sizes.high != 0 else SMALLER


def accuracy_range(accuracy: AccuracyRange) -> str:
    """`0.612 (0.604 to 0.621)`."""
    return f"{accuracy.best:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def headline(report: Report) -> tuple[str, str]:
    """The answer in a few words, and in one sentence with its interval."""
    advice, calibration = report.advice, report.calibration
    if advice is None:
        sizes, fit = calibration.sizes, calibration.fit
        of_laws = "no law was fitted"
        if fit is not None:
            of_laws = f"of seven laws the {fit.law} law predicts left-out sizes best: {fit.verdict}"
        return "What the ladder shows", (
            f"{len(calibration.models)} models of {sizes[0]:,} to {sizes[-1]:,} parameters "
            f"under noise; {of_laws}."
        )
    wanted, size = advice.requirement, advice.recommended
    if advice.verdict == "recommended" and size is not None:
        return f"{size:,} parameters", (
            f"The next training of that size reaches {wanted.target_accuracy:g} at noise step "
            f"{wanted.noise_step:.4g} with {wanted.confidence:.0%} confidence; the mean over "
            f"trainings reaches it at {size_interval(advice.parameters)} parameters, "
            f"{wanted.confidence:.0%} interval."
        )
    sentence = f"{advice.reason[0].upper()}{advice.reason[1:]}."
    if advice.verdict == "unreachable":
        return "No size reaches it", sentence
    low = advice.parameters.low if advice.parameters else None
    return (f"At least {low:,.0f} parameters" if low else "No size can be named"), sentence


def _best_law(calibration: Calibration) -> str:
    fit = calibration.fit
    if fit is None:
        return "; too few for a scaling law"
    return f", and the {fit.law} law predicts left-out sizes best: {fit.verdict}"


def advice_facts(advice: Advice) -> list[tuple[str, str]]:
    """The answer as pairs of name and value, in reading order."""
    requirement = advice.requirement
    facts = [
        ("accuracy wanted", f"{requirement.target_accuracy:g}"),
        ("at noise step", f"{requirement.noise_step:.4g}"),
        ("confidence", f"{requirement.confidence:.0%}"),
    ]
    if advice.camera is not None:
        facts[2:2] = [(f"camera's {name}", value) for name, value in camera_rows(advice.camera)]
    if advice.parameters is not None and advice.parameters.best is not None:
        facts.append(("mean curve reaches it at", f"{size_interval(advice.parameters)} parameters"))
    if advice.measured is not None:
        facts.append(("measured to reach it", _measured_line(advice.measured)))
    facts += [
        (f"at {prediction.parameters:,} parameters", accuracy_range(prediction.accuracy))
        for prediction in advice.predictions
    ]
    if advice.settle is not None:
        facts.append(("would settle it", f"a training of {advice.settle:,} parameters"))
    return [*facts, *_evidence_facts(advice)]


def _evidence_facts(advice: Advice) -> list[tuple[str, str]]:
    facts = []
    if advice.verdict == "unreachable" and advice.ceiling is not None:
        facts.append(("ceiling at this step", accuracy_range(advice.ceiling)))
    if advice.precision is not None:
        facts.append(("accuracies measured at", advice.precision))
    if advice.largest_step is not None:
        facts.append(("target reached up to step", f"{advice.largest_step:.4g}"))
    if advice.errors is not None:
        facts.append(("accuracy known to", _errors_line(advice.errors)))
    if advice.extrapolation_ratio is not None:
        facts.append(("size over largest trained", f"{advice.extrapolation_ratio:.2f}"))
    if advice.backtest is not None:
        facts.append(("back-test", _backtest_line(advice.backtest)))
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


def _measured_line(measured: MeasuredSize) -> str:
    count = "one training" if measured.trainings == 1 else f"all {measured.trainings} trainings"
    return (
        f"{measured.parameters:,} parameters, {count}, the least {measured.name} with "
        f"{measured.accuracy:.3f}"
    )


def _errors_line(errors: Uncertainty) -> str:
    return (
        f"{errors.mean_sd:.4f}, the mean over trainings; one training scatters by "
        f"{errors.between_seed_sd:.4f}"
    )


def _backtest_line(test: Hindcast) -> str:
    sizes = "largest size" if test.hold_out == 1 else f"{test.hold_out} largest sizes"
    return (
        f"{sizes} predicted {test.ratio:.1f} times beyond the rest: accuracy off by "
        f"{test.accuracy_rms:.3f} RMS; {test.held} of {test.models} models within the interval"
    )


def advice_object(advice: Advice) -> dict[str, Any]:
    """The JSON object of `recommend`."""
    fields = asdict(advice)
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
    headings = ("parameters", "cost", "hours", "interval, a factor of")
    found: list[Table] = []
    for title, candidates in (
        ("Train in this order; what is expected once each is added", planned.chosen),
        ("Each alone, the most for its cost first", planned.candidates),
    ):
        rows: list[tuple[str, ...]] = [
            (
                f"{one.parameters:,}",
                f"{one.cost:.3g}",
                number(one.hours, ".2g"),
                number(one.interval_factor, ".2f"),
            )
            for one in candidates
        ]
        if rows:
            found.append((title, headings, rows))
    return found


def plan_lines(planned: TrainingPlan) -> list[str]:
    """The commands of the plan, in its order."""
    return [one.train_command for one in planned.chosen if one.train_command]


def prediction_facts(prediction: Prediction) -> list[tuple[str, str]]:
    """What a size does, as pairs of name and value."""
    return [
        ("parameters", f"{prediction.parameters:,}"),
        ("at noise step", f"{prediction.noise_step:.4g}"),
        ("accuracy, mean over trainings", accuracy_range(prediction.accuracy)),
        ("accuracy of the next training", accuracy_range(prediction.next_training)),
        ("intervals", f"{prediction.confidence:.0%}"),
        ("size over largest trained", f"{prediction.extrapolation_ratio:.2f}"),
    ]


def prediction_json(prediction: Prediction) -> str:
    return json.dumps(asdict(prediction), indent=2, allow_nan=False)


def prediction_markdown(prediction: Prediction) -> str:
    warnings = [f"- {warning}" for warning in prediction.warnings]
    parts = [_facts_markdown(prediction_facts(prediction))]
    return "\n\n".join([*parts, *(["\n".join(warnings)] if warnings else [])])


def plan_json(planned: TrainingPlan) -> str:
    return json.dumps(asdict(planned), indent=2, allow_nan=False)


def plan_markdown(planned: TrainingPlan) -> str:
    parts = [planned.reason]
    for title, headings, rows in plan_tables(planned):
        parts += ["", f"**{title}**", "", _markdown(headings, rows)]
    for line in plan_lines(planned):
        parts += ["", f"    {line}"]
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
        "Size, where it still buys accuracy: factor between the best estimate and the needed size; "
        "named: sizes of those asked for; held: their intervals that hold; bounds: lower bounds "
        "that are true, of all answers",
        (*name, "named", "RMS", "median", "worst", "held", "bounds"),
        [(*_score_name(one, score), *_factors(score.size)) for one, score in scores],
    )
    laws = _laws_alone(found)
    return [accuracy, size, *([laws] if laws[2] else [])]


def _score_name(one: HoldOut, score: BacktestScore) -> tuple[str, ...]:
    size = "all" if score.parameters is None else f"{score.parameters:,}"
    return str(len(one.held)), size, f"{score.ratio:.1f}"


def _errors(score: AccuracyScore | None) -> tuple[str, ...]:
    if score is None:
        return "-", "-", "-"
    return f"{score.rms:.4f}", f"{score.worst:+.3f}", _of(score.held, score.points)


def _factors(score: SizeScore) -> tuple[str, ...]:
    factors = (score.factor_rms, score.factor_median, score.factor_worst)
    return (
        f"{score.named}/{score.asked}",
        *(number(factor, ".2f") for factor in factors),
        _of(score.held, score.named),
        _of(score.bound_true, score.asked),
    )


def _of(share: float | None, count: int) -> str:
    return "-" if share is None else f"{round(share * count)}/{count}"


def _laws_alone(found: LadderBacktest) -> Table:
    """Each law's error, in the order of the first hold-out."""
    headings = ["law"]
    rows: dict[str, list[str]] = {}
    for one in found.hold_outs:
        headings.append(f"RMS ({len(one.held)})")
        for test in one.laws:
            rows.setdefault(test.law, []).append(f"{test.accuracy_rms:.4f}")
    title = "For comparison, each law's own error in accuracy, with so many sizes left out"
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
    return (
        point.model,
        f"{point.parameters:,}",
        f"{point.step:g}",
        accuracy_range(point.predicted),
        f"{point.measured:.3f}",
        f"{point.predicted.best - point.measured:+.3f}",
    )


def _size_row(answer: PredictedSize) -> tuple[str, ...]:
    asked = (f"{answer.step:g}", f"{answer.target:.3f}", f"{answer.needed:,}")
    sizes = answer.predicted
    if sizes is None:
        return (*asked, "out of reach", "-")
    if sizes.best is None:
        return (*asked, f"at least {sizes.low or 0:,.0f}", "-")
    return (*asked, size_interval(sizes), f"{sizes.best / answer.needed:.2f}")


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
        held = f"{most.parameters:,} parameters: {accuracy_range(most.accuracy)} at this step"
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


def law_verdicts(calibration: Calibration) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: each law's misfit in accuracy, and its verdict."""
    rows: list[tuple[str, ...]] = [
        (fit.law, f"{fit.residual_rms:.4f}", fit.verdict) for fit in calibration.laws
    ]
    return ("law", "misfit", "verdict"), rows


def backtest_table(calibration: Calibration) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: predictions of the largest sizes, left out, by each law."""
    order = [fit.law for fit in calibration.laws]
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
        for test in sorted(
            calibration.backtests, key=lambda test: (order.index(test.law), test.hold_out)
        )
    ]
    return headings, rows


def map_table(found: RequirementMap) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of a part of the requirement map: a row a target, the highest first."""
    columns, rows = _some(len(found.steps), 9), _some(len(found.targets), 10)
    headings = ("accuracy", *(f"step {found.steps[j]:g}" for j in columns))
    words = {"unreachable": "no size", "bounded": "more", "untrusted": "not known"}
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


def all_warnings(calibration: Calibration) -> tuple[str, ...]:
    return (*calibration.warnings, *calibration.fit_warnings)


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
    if calibration.laws:
        parts += ["## Laws", _markdown(*law_verdicts(calibration))]
    if calibration.backtests:
        parts += ["## Back-test of the laws", _markdown(*backtest_table(calibration))]
    warnings = advice.warnings if advice else all_warnings(calibration)
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
