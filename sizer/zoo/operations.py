"""A blueprint as the operations of its exported network, without exporting it."""

from collections.abc import Iterator
from itertools import count

from sizer.results import Operation
from sizer.zoo.architecture import SQUEEZE_RATIO, Blueprint, Stage

IMAGE = "images"


class _Trace:
    """Operations one after the other; every method returns the name of the tensor it writes."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._numbers = count()

    def write(self, inputs: tuple[str, ...], elements: int, **facts: int | bool) -> str:
        name = f"t{next(self._numbers)}"
        self.operations.append(Operation(inputs, name, elements, **facts))  # type: ignore[arg-type]
        return name

    def convolution(
        self,
        read: str,
        inputs: int,
        outputs: int,
        pixels: int,
        kernel: int = 1,
        groups: int = 1,
        stride: int = 1,
    ) -> str:
        """With a bias: its own, or that of the batch normalisation folded into it."""
        weights = outputs * (inputs // groups) * kernel**2
        gathered = inputs * kernel**2 * (1 if groups > 1 else 2)
        return self.write(
            (read,),
            outputs * pixels**2,
            weights=weights,
            biases=outputs,
            macs=weights * pixels**2,
            column=gathered if kernel * stride > 1 else 0,
        )

    def silu(self, read: str, elements: int) -> str:
        gate = self.write((read,), elements, in_place=True)
        return self.write((read, gate), elements, in_place=True)


def operations(blueprint: Blueprint) -> tuple[list[Operation], dict[str, int]]:
    """The operations, and the elements of the image that they are fed."""
    trace = _Trace()
    pixels, channels = -(-blueprint.resolution // 2), blueprint.stem
    read = trace.convolution(IMAGE, 3, channels, pixels, 3, stride=2)
    read = trace.silu(read, channels * pixels**2)
    for stage, stride in _blocks(blueprint):
        read = _block(trace, read, channels, stage, stride, pixels)
        pixels, channels = -(-pixels // stride), stage.channels
    read = trace.convolution(read, channels, blueprint.head, pixels)
    read = trace.silu(read, blueprint.head * pixels**2)
    read = trace.write((read,), blueprint.head)
    read = trace.write((read,), blueprint.head, in_place=True)
    trace.convolution(read, blueprint.head, blueprint.classes, 1)
    return trace.operations, {IMAGE: 3 * blueprint.resolution**2}


def _blocks(blueprint: Blueprint) -> Iterator[tuple[Stage, int]]:
    for stage in blueprint.stages:
        for repeat in range(stage.repeats):
            yield stage, stage.stride if repeat == 0 else 1


def _block(trace: _Trace, image: str, inputs: int, stage: Stage, stride: int, pixels: int) -> str:
    """MBConv, see `sizer.zoo.architecture`."""
    hidden, read = inputs * stage.expand, image
    if hidden != inputs:
        read = trace.silu(trace.convolution(read, inputs, hidden, pixels), hidden * pixels**2)
    pixels = -(-pixels // stride)
    read = trace.convolution(read, hidden, hidden, pixels, stage.kernel, hidden, stride)
    read = trace.silu(read, hidden * pixels**2)
    squeezed = max(1, inputs // SQUEEZE_RATIO)
    gate = trace.write((read,), hidden)
    gate = trace.silu(trace.convolution(gate, hidden, squeezed, 1), squeezed)
    gate = trace.write((trace.convolution(gate, squeezed, hidden, 1),), hidden, in_place=True)
    read = trace.write((read, gate), hidden * pixels**2, in_place=True)
    read = trace.convolution(read, hidden, stage.channels, pixels)
    if stride == 1 and inputs == stage.channels:
        read = trace.write((read, image), stage.channels * pixels**2, in_place=True)
    return read
