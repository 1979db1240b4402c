"""What is said before a job begins."""

from sizer.devices.check import Inspection
from sizer.errors import UsageError
from sizer.job.loop import Choice
from sizer.job.noise import JobNoise
from sizer.job.workshop import Bench
from sizer.prediction.question import Requirement
from sizer.progress import time_in_words


def before(
    bench: Bench, choice: Choice, wanted: Requirement, budget: float, inspection: Inspection
) -> tuple[str, ...]:
    """Four lines: the pictures, the noise, what will be done, what it may cost."""
    recipe, noise = bench.recipe, bench.recipe.noise
    small, large = choice.sizes[0], next((n for n in choice.sizes if n > 2e5), choice.sizes[-1])
    costs = [bench.seconds(size) for size in (small, large)]
    if costs[0] > budget:
        raise UsageError(
            f"--budget: the smallest training takes {time_in_words(costs[0])} here; give more,"
            " or fewer --epochs or a smaller --side"
        )
    held = "".join(f", {device.name}" for device in inspection.devices)
    most = f"; up to {choice.sizes[-1]:,} parameters fit{held}" if choice.limited else held
    return (
        bench.material.said(),
        _noise_said(noise),
        f"to do: train at {recipe.side} x {recipe.side} pixels, {recipe.epochs} epochs, noise of "
        f"steps 0 to {noise.last}, the smallest first; measure in {recipe.precision}{most}",
        f"cost: {time_in_words(costs[0])} for {small:,} parameters to {time_in_words(costs[1])} "
        f"for {large:,}, by timed batches; ends at {wanted.target_accuracy:g}, or where no size "
        f"reaches it, or after {time_in_words(budget)}",
    )


def _noise_said(noise: JobNoise) -> str:
    if noise.camera is None:
        return f"noise: step {noise.step:.4g}"
    seen = noise.camera.sigma
    return (
        f"camera: {seen.median:.1f} grey levels ({seen.low:.1f} to {seen.high:.1f}) in "
        f"{noise.camera.used:,} pictures, of which the model's input keeps {noise.kept:.0%}: step "
        f"{noise.step:.4g}"
    )
