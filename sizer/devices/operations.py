"""The operations of a network, and those of a blueprint's, without exporting it."""

from dataclasses import dataclass
from itertools import count

from sizer.networks.architecture import Block, Blueprint, Convolution, layers

IMAGE = "images"


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a network, in order of execution, for one image.

    inputs: the tensors it reads, without weights. elements: of its output. weights, biases:
    elements that lie in flash. column: values of one im2col column, 0 where none is gathered.
    in_place: the output may take the memory of an input of its size that nobody reads later.
    """

    inputs: tuple[str, ...]
    output: str
    elements: int
    weights: int = 0
    biases: int = 0
    macs: int = 0
    column: int = 0
    in_place: bool = False


class _Trace:
    """Operations one after the other; every method returns the name of the tensor it writes."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._numbers = count()

    def write(self, inputs: tuple[str, ...], elements: int, **facts: int | bool) -> str:
        name = f"t{next(self._numbers)}"
        self.operations.append(Operation(inputs, name, elements, **facts))  # type: ignore[arg-type]
        return name

    def convolution(self, image: str, layer: Convolution) -> str:
        """With a bias: its own, or that of the batch normalisation folded into it."""
        gathered = layer.inputs * layer.kernel**2 * (1 if layer.groups > 1 else 2)
        return self.write(
            (image,),
            _elements(layer),
            weights=layer.weights,
            biases=layer.outputs,
            macs=layer.macs,
            column=gathered if layer.kernel * layer.stride > 1 else 0,
        )

    def activated(self, image: str, layer: Convolution) -> str:
        """A convolution and a SiLU."""
        output = self.convolution(image, layer)
        gate = self.write((output,), _elements(layer), in_place=True)
        return self.write((output, gate), _elements(layer), in_place=True)

    def block(self, image: str, block: Block) -> str:
        output = image if block.expansion is None else self.activated(image, block.expansion)
        output = self.activated(output, block.depthwise)
        channels, elements = block.depthwise.outputs, _elements(block.depthwise)
        gate = self.activated(self.write((output,), channels), block.squeeze)
        gate = self.write((self.convolution(gate, block.excitation),), channels, in_place=True)
        output = self.write((output, gate), elements, in_place=True)
        output = self.convolution(output, block.projection)
        if block.residual:
            output = self.write((output, image), _elements(block.projection), in_place=True)
        return output


def operations(blueprint: Blueprint) -> tuple[list[Operation], dict[str, int]]:
    """The operations, and the elements of the image that they are fed."""
    trace, network = _Trace(), layers(blueprint)
    image = trace.activated(IMAGE, network.stem)
    for stage in network.stages:
        for block in stage:
            image = trace.block(image, block)
    image = trace.activated(image, network.head)
    features = trace.write((image,), blueprint.head)
    features = trace.write((features,), blueprint.head, in_place=True)
    trace.convolution(features, network.classifier)
    return trace.operations, {IMAGE: 3 * blueprint.resolution**2}


def _elements(layer: Convolution) -> int:
    return layer.outputs * layer.pixels**2
