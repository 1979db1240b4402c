"""The answer of `recommend`."""

from typing import TYPE_CHECKING

from sizer.estimate import rounded
from sizer.report.answer import built, lines
from sizer.report.document import Code, Document, Facts, Section, Warnings
from sizer.report.format import (
    accuracy,
    accuracy_range,
    amount,
    capital,
    percent,
    short,
    size_interval,
    size_up,
)

MOST_NAMED = 2  # devices in a headline

if TYPE_CHECKING:
    from sizer.prediction.advice import Advice, Uncertainty
    from sizer.prediction.hindcast import Hindcast
    from sizer.prediction.sizes import MeasuredSize


def document(advice: "Advice") -> Document:
    return Document(
        answer=lines(advice),
        verdict=advice.verdict,
        sections=(answer(advice), *devices(advice), warnings(advice)),
    )


def answer(advice: "Advice") -> Section:
    command = advice.train_command
    trains = "trained by" if advice.settle is None else "would settle it"
    trained = (Code((command,), trains),) if command else ()
    return Section("How it is known", (Facts(tuple(facts(advice))), *trained), detail=True)


def devices(advice: "Advice") -> tuple[Section, ...]:
    """Whether the recommended size fits, and the most that each device holds."""
    if not advice.devices:
        return ()
    from sizer.report.devices import precisions, tables

    words = precisions(advice.precision, advice.devices)
    return tables(advice.devices, None if words is None else f"{capital(words)}.")


def warnings(advice: "Advice") -> Section:
    return Section("", (Warnings(advice.warnings),) if advice.warnings else ())


def headline(advice: "Advice") -> tuple[str, ...]:
    """The answer in a few words, a device that does not hold it among them; then its lines."""
    told, sizes = lines(advice), advice.parameters
    if advice.verdict == "recommended":
        failing = [short(v.name) for v in advice.devices if v.verdict == "FAIL"]
        but = f", too much for {' and '.join(failing)}" if 0 < len(failing) <= MOST_NAMED else ""
        return (capital(built(advice)) + but, *told[1:])
    if advice.verdict == "unreachable":
        return ("No size reaches it", *told)
    if sizes is not None and sizes.low:
        return (f"At least {rounded(sizes.low)} parameters", *told[1:])
    return ("No size can be named", *told)


def facts(advice: "Advice") -> list[tuple[str, str]]:
    """What is known, and last what was asked, as pairs of name and value."""
    return [*_sizes(advice), *_evidence(advice), *_asked(advice)]


def _asked(advice: "Advice") -> list[tuple[str, str]]:
    requirement = advice.requirement
    pairs = [
        ("accuracy wanted", accuracy(requirement.target_accuracy)),
        ("at", advice.noise()),
    ]
    if advice.camera is not None:
        from sizer.report.noise import camera_facts

        pairs += [(f"camera's {name}", value) for name, value in camera_facts(advice.camera)]
    return [*pairs, ("confidence", percent(requirement.confidence))]


def _sizes(advice: "Advice") -> list[tuple[str, str]]:
    pairs = []
    if advice.parameters is not None and advice.parameters.best is not None:
        pairs.append(("mean curve reaches it at", f"{size_interval(advice.parameters)} parameters"))
    if advice.recommended is not None and advice.architecture is not None:
        words = f"{size_up(advice.recommended)} parameters, of the next training"
        pairs.append(("sure enough from", words))
    if advice.measured is not None:
        pairs.append(("measured to reach it", _measured(advice.measured)))
    pairs += [
        (f"at {prediction.parameters:,} parameters", accuracy_range(prediction.accuracy))
        for prediction in advice.predictions
    ]
    if advice.settle is not None:
        pairs.append(("would settle it", f"a training of {advice.settle:,} parameters"))
    return pairs


def _evidence(advice: "Advice") -> list[tuple[str, str]]:
    pairs = []
    if advice.verdict == "unreachable" and advice.ceiling is not None:
        pairs.append(("ceiling at this noise", accuracy_range(advice.ceiling)))
    if advice.precision is not None:
        pairs.append(("accuracies measured at", advice.precision))
    if advice.largest_step is not None:
        pairs.append(("target reached up to", advice.noise(advice.largest_step)))
    if advice.errors is not None:
        pairs.append(("accuracy known to", _errors(advice.errors)))
    if advice.extrapolation_ratio is not None:
        pairs.append(("size over largest trained", f"{advice.extrapolation_ratio:.2f}"))
    if advice.backtest is not None:
        pairs.append(("back-test", _backtest(advice.backtest)))
    if advice.architecture is not None:
        member = advice.architecture
        words = (
            f"width {member.width:g}, {member.parameters:,} parameters, "
            f"{amount(member.macs)} multiply-accumulates"
        )
        pairs.append(("smallest member of that size", words))
    return pairs


def _measured(measured: "MeasuredSize") -> str:
    count = "one training" if measured.trainings == 1 else f"all {measured.trainings} trainings"
    return (
        f"{measured.parameters:,} parameters, {count}; the least accurate, {short(measured.name)}, "
        f"has {measured.accuracy:.3f}"
    )


def _errors(errors: "Uncertainty") -> str:
    return (
        f"{errors.mean_sd:.4f}, the mean over trainings; one training scatters by "
        f"{errors.between_seed_sd:.4f}"
    )


def _backtest(test: "Hindcast") -> str:
    sizes = "largest size" if test.hold_out == 1 else f"{test.hold_out} largest sizes"
    return (
        f"{sizes} predicted {test.ratio:.1f} times beyond the rest: accuracy off by "
        f"{test.accuracy_rms:.3f} RMS; {test.held} of {test.models} models within the interval"
    )
