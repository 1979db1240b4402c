"""The answer of `recommend`."""

from typing import TYPE_CHECKING

from sizer.report.document import Code, Document, Facts, Paragraph, Section, Warnings
from sizer.report.format import accuracy_range, capital, noise_step, short, size_interval

if TYPE_CHECKING:
    from sizer.prediction.advice import Advice, Uncertainty
    from sizer.prediction.hindcast import Hindcast
    from sizer.prediction.sizes import MeasuredSize


def document(advice: "Advice") -> Document:
    return Document(
        summary=Paragraph(advice.reason, lead=advice.verdict),
        sections=(*sections(advice), warnings(advice)),
    )


def sections(advice: "Advice") -> tuple[Section, ...]:
    """All that is said of the answer, its warnings aside."""
    return (answer(advice), *devices(advice))


def answer(advice: "Advice") -> Section:
    command = advice.train_command
    trains = "trained by" if advice.settle is None else "would settle it"
    trained = (Code((command,), trains),) if command else ()
    return Section("", (Facts(tuple(facts(advice))), *trained))


def devices(advice: "Advice") -> tuple[Section, ...]:
    """Whether the recommended size fits, and the most that each device holds."""
    if not advice.devices:
        return ()
    from sizer.report.devices import precisions, verdict_table

    words = precisions(advice.precision, advice.devices)
    said = () if words is None else (Paragraph(f"{capital(words)}."),)
    return (Section("Devices", (*said, verdict_table(advice.devices))),)


def warnings(advice: "Advice") -> Section:
    return Section("", (Warnings(advice.warnings),) if advice.warnings else ())


def headline(advice: "Advice") -> tuple[str, Paragraph]:
    """The answer in a few words, and in one sentence with its interval."""
    wanted, sizes = advice.requirement, advice.parameters
    if advice.verdict == "recommended" and sizes is not None:
        return f"{sizes.recommended:,} parameters", Paragraph(
            f"The next training of that size reaches {wanted.target_accuracy:g} at noise step "
            f"{noise_step(wanted.noise_step)} with {sizes.confidence or 0:.0%} confidence; the "
            f"mean over trainings reaches it at {size_interval(sizes)} parameters, "
            f"{wanted.confidence:.0%} interval.",
            lead=advice.verdict,
        )
    sentence = Paragraph(f"{capital(advice.reason)}.", lead=advice.verdict)
    if advice.verdict == "unreachable":
        return "No size reaches it", sentence
    low = advice.parameters.low if advice.parameters else None
    return (f"At least {low:,.0f} parameters" if low else "No size can be named"), sentence


def facts(advice: "Advice") -> list[tuple[str, str]]:
    """The answer as pairs of name and value, in reading order."""
    return [*_asked(advice), *_sizes(advice), *_evidence(advice)]


def _asked(advice: "Advice") -> list[tuple[str, str]]:
    requirement = advice.requirement
    pairs = [
        ("accuracy wanted", f"{requirement.target_accuracy:g}"),
        ("at noise step", noise_step(requirement.noise_step)),
    ]
    if advice.camera is not None:
        from sizer.report.noise import camera_facts

        pairs += [(f"camera's {name}", value) for name, value in camera_facts(advice.camera)]
    return [*pairs, ("confidence", f"{requirement.confidence:.0%}")]


def _sizes(advice: "Advice") -> list[tuple[str, str]]:
    pairs = []
    if advice.parameters is not None and advice.parameters.best is not None:
        pairs.append(("mean curve reaches it at", f"{size_interval(advice.parameters)} parameters"))
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
        pairs.append(("ceiling at this step", accuracy_range(advice.ceiling)))
    if advice.precision is not None:
        pairs.append(("accuracies measured at", advice.precision))
    if advice.largest_step is not None:
        pairs.append(("target reached up to step", noise_step(advice.largest_step)))
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
            f"{member.macs:,} multiply-accumulates"
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
