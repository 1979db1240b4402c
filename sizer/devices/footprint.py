"""Memory and work of a network, from its operations in order of execution."""

from collections.abc import Collection, Mapping, Sequence

from sizer.devices.operations import Operation
from sizer.devices.records import Footprint
from sizer.estimate import Estimate
from sizer.inference.records import Precision

KIB = 2**10

BYTES: Mapping[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}
BIAS_BYTES: Mapping[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 4}
COLUMN_BYTES = 2  # of one value of an im2col column, an int16
# What STM32Cube.AI 10.0.0 needs beside tensors and weights, in int8 on an STM32H7: of MobileNetV1
# 0.25 the least, and of EfficientNet LC v1 at 224x224 the most, which our own family resembles.
# Source: STMicroelectronics/stm32ai-modelzoo, image_classification, READMEs of the two.
RUNTIME_RAM = Estimate(58.19 * KIB, 16.33 * KIB, 58.19 * KIB)
CODE_FLASH = Estimate(158.4 * KIB, 68.0 * KIB, 158.4 * KIB)


def footprint(
    operations: Sequence[Operation], inputs: Mapping[str, int], precision: Precision
) -> Footprint:
    """What a network takes. inputs: elements of each tensor that is fed.

    Weights take their precision, but an int8 network keeps its biases in 32 bits (TensorFlow Lite
    8-bit quantisation specification). Counted so, MobileNetV1 takes 214.69, 467.33, 1314.00 and
    4157.09 KiB, as STMicroelectronics' model zoo publishes.
    """
    return Footprint(
        precision=precision,
        weights=sum(
            operation.weights * BYTES[precision] + operation.biases * BIAS_BYTES[precision]
            for operation in operations
        ),
        code=CODE_FLASH,
        ram=RUNTIME_RAM,
        activations=peak_activations(operations, inputs, precision),
        macs=sum(operation.macs for operation in operations),
    )


def weights_alone(parameters: int, precision: Precision) -> Footprint:
    """What is known of a network whose size alone is known."""
    return Footprint(precision, parameters * BYTES[precision], CODE_FLASH, RUNTIME_RAM)


def peak_activations(
    operations: Sequence[Operation], inputs: Mapping[str, int], precision: Precision
) -> int:
    """Most bytes of tensors and scratch that are needed at once.

    A tensor lives from the operation that writes it to the last one that reads it; inputs live
    from the start, and what nobody reads is a result and lives to the end. An elementwise operation
    or a change of shape writes over an input that it is the last to read, if that has its size.
    Scratch: in int8 a convolution gathers im2col columns of int16, two for a full one and one for a
    depthwise operation, none for 1x1 with stride 1 (CMSIS-NN, arm_convolve_s8_get_buffer_size and
    arm_depthwise_conv_s8_opt_get_buffer_size_dsp); in floating point it reads in place.
    """
    last = {name: i for i, operation in enumerate(operations) for name in operation.inputs}
    live = dict(inputs)
    peak = sum(live.values()) * BYTES[precision]
    for i, operation in enumerate(operations):
        dying = {name for name in operation.inputs if last[name] == i and name in live}
        written = 0 if _overwrites(operation, dying, live) else operation.elements
        scratch = operation.column * COLUMN_BYTES if precision == "int8" else 0
        peak = max(peak, (sum(live.values()) + written) * BYTES[precision] + scratch)
        for name in dying:
            del live[name]
        live[operation.output] = operation.elements
    return peak


def _overwrites(operation: Operation, dying: Collection[str], live: Mapping[str, int]) -> bool:
    return operation.in_place and any(live[name] == operation.elements for name in dying)
