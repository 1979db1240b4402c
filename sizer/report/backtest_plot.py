"""What a back-test predicted of accuracies, drawn over what was measured."""

from typing import TYPE_CHECKING

from sizer.report.draw import Axis, Canvas, Plot, Shape
from sizer.report.figures import HEADROOM, accuracy_axes

if TYPE_CHECKING:
    from sizer.prediction.hold_outs import HoldOut, LadderBacktest


def accuracy_plot(test: "LadderBacktest", hold_out: "HoldOut") -> Plot:
    """Accuracy of the largest size against noise: predicted, with its interval, and measured."""
    largest = [point for point in hold_out.accuracies if point.parameters == hold_out.held[-1]]
    once = {point.step: point.predicted for point in largest}  # which its twins share
    steps = sorted(once)
    low, high = [once[step].low for step in steps], [once[step].high for step in steps]
    top = max(*high, *(point.measured for point in largest)) * HEADROOM
    canvas = Canvas(Axis(steps[0], steps[-1]), Axis(0, top))
    return Plot(
        description=(
            f"Accuracy of {hold_out.held[-1]:,} parameters against noise, predicted from sizes up "
            f"to {hold_out.fitted[-1]:,} as a line with an interval, and measured as dots."
        ),
        shapes=[
            Shape("band", canvas.band(steps, low, high)),
            Shape("answer", canvas.line((step, once[step].best) for step in steps)),
            Shape("dots", canvas.dots((point.step, point.measured) for point in largest)),
        ],
        **accuracy_axes(canvas, test.schedule),
    )
