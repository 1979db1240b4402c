"""Real ONNX files and real images, small enough to calibrate in a second."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
SHAPE = (6, 6, 3)
WIDTHS = (2, 4, 16, 48)  # of the hidden layer: the ladder


def prototypes(seed=0):
    """One picture a class, in -1 and 1."""
    signs = np.random.default_rng(seed).integers(0, 2, (CLASSES, np.prod(SHAPE)))
    return (2 * signs - 1).astype(np.float32)


def network(width, shape=SHAPE, classes=CLASSES):
    """Projects the image on `width` random directions and takes the nearest prototype there."""
    pixels = int(np.prod(shape))
    down = np.random.default_rng(width).normal(size=(pixels, width)).astype(np.float32)
    seen = np.resize(prototypes(), (classes, pixels)) @ down
    up = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).T.astype(np.float32)
    constants = {"flat": np.array([0, -1]), "down": down, "up": up}
    nodes = [
        helper.make_node("Reshape", ["images", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "down"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "up"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save_ladder(folder, widths=WIDTHS):
    folder.mkdir(parents=True)
    for width in widths:
        onnx.save(network(width), folder / f"tiny-{width}.onnx")
    return folder


def save_images(path, count, labels=None):
    """An archive of prototypes with some of their pixels turned over."""
    random = np.random.default_rng(1)
    labels = np.arange(count) % CLASSES if labels is None else labels
    turned = np.where(random.random((count, np.prod(SHAPE))) < 0.15, -1, 1)
    pictures = (prototypes()[np.arange(count) % CLASSES] * turned + 1) * 127.5
    np.savez(path, images=pictures.astype(np.uint8).reshape(count, *SHAPE), labels=labels)
    return path
