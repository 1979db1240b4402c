"""Classifiers that should not run: each a tiny network with one thing wrong."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tiny import CLASSES, SHAPE

FLOAT = TensorProto.FLOAT
ENDLESS = np.iinfo(np.int64).max
ESCAPE = "evil\x1b]0;title\x07\n[red]x"


def classifier(*after, batch="b", constants=None, output=("y", FLOAT), functions=(), domains=()):
    """A linear classifier from `images` to `x`, and what comes after it."""
    pixels = int(np.prod(SHAPE))
    weights = np.random.default_rng(0).normal(size=(pixels, CLASSES)).astype(np.float32)
    tensors = {"weights": weights, **(constants or {})}
    nodes = [
        helper.make_node("Flatten", ["images"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["x"]),
        *after,
    ]
    ends = [helper.make_tensor_value_info(*output, None)] if output else []
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("images", FLOAT, [batch, *SHAPE])],
        ends,
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=[*functions])


def node(operator, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(operator, [*inputs], [*outputs], **attributes)


def random(operator):
    """Noise of an operator is added to the scores."""
    attributes = {"dtype": FLOAT}
    if operator.endswith("Like"):
        made = [node(operator, outputs=["noise"], **attributes)]
    elif operator == "Bernoulli":
        made = [node("Sigmoid", outputs=["p"]), node(operator, ["p"], ["noise"], **attributes)]
    elif operator == "Multinomial":
        drawn = node(operator, outputs=["drawn"], sample_size=CLASSES, dtype=TensorProto.INT32)
        made = [drawn, node("Cast", ["drawn"], ["noise"], to=FLOAT)]
    else:
        made = [node(operator, [], ["noise"], shape=[1, CLASSES], **attributes)]
    return classifier(*made, node("Add", ["x", "noise"]))


def hidden_random():
    """Within a branch, within a function."""
    draw = node("RandomNormalLike", ["x"], ["noise"])
    output = helper.make_tensor_value_info("noise", FLOAT, None)
    branch = helper.make_graph([draw], "branch", [], [output])
    always = node("Constant", [], ["true"], value=numpy_helper.from_array(np.array(True)))
    chosen = node("If", ["true"], ["drawn"], then_branch=branch, else_branch=branch)
    body = [always, chosen, node("Add", ["x", "drawn"], ["y"])]
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("local", "Noisy", ["x"], ["y"], body, opsets)
    return classifier(node("Noisy", domain="local"), functions=[function], domains=["local"])


def dropout(made_inside):
    """In training mode, by an initializer or by a constant node."""
    truth = np.array(True)
    if made_inside:
        constant = node("Constant", [], ["training"], value=numpy_helper.from_array(truth))
        return classifier(constant, node("Dropout", ["x", "half", "training"]), **half())
    return classifier(node("Dropout", ["x", "half", "training"]), **half(training=truth))


def hidden_dropout():
    """Whose mode is worked out as the graph runs."""
    mode = [
        node("Size", ["x"], ["size"]),
        node("Cast", ["size"], ["training"], to=TensorProto.BOOL),
    ]
    return classifier(*mode, node("Dropout", ["x", "half", "training"]), **half())


def half(**others):
    return {"constants": {"half": np.float32(0.5), **others}}


def normalised():
    """A batch normalisation that takes the mean of the batch it is given."""
    ones = {name: np.ones(CLASSES, np.float32) for name in ("s", "b", "m", "v")}
    training = node(
        "BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "mean", "var"], training_mode=1
    )
    return classifier(training, constants=ones)


def texts():
    return classifier(node("Cast", to=TensorProto.STRING), output=("y", TensorProto.STRING))


def sequence():
    model = classifier(node("SequenceConstruct"))
    element = helper.make_tensor_type_proto(FLOAT, None)
    model.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(element))
    return model


def mapped():
    """Scores by class, as scikit-learn's converter makes them."""
    names = [f"class {i}" for i in range(CLASSES)]
    zipped = node("ZipMap", domain="ai.onnx.ml", classlabels_strings=names)
    model = classifier(zipped, domains=["ai.onnx.ml"])
    scores = helper.make_tensor_type_proto(FLOAT, [])
    element = helper.make_map_type_proto(TensorProto.STRING, scores)
    model.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(element))
    return model


def functions(depth, calls_itself=False):
    """Each function calls the next one twice: 2 to the power of depth operators."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    made = []
    for i in range(depth):
        last = "F0" if calls_itself else None
        name = f"F{i + 1}" if i + 1 < depth else last
        inner = {"domain": "local"} if name else {}
        body = [
            node(name or "Relu", ["x"], ["m"], **inner),
            node(name or "Relu", ["m"], ["y"], **inner),
        ]
        made.append(helper.make_function("local", f"F{i}", ["x"], ["y"], body, opsets))
    return classifier(node("F0", domain="local"), functions=made, domains=["local"])


def loop(*body, count=ENDLESS, carried=(), results=(), **options):
    """A loop whose body keeps its condition true; carried, results: value infos."""
    counter = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    before, after = (
        helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("on", "still")
    )
    inner = helper.make_graph(
        [node("Identity", ["on"], ["still"]), *body],
        "body",
        [counter, before, *carried],
        [after, *results],
    )
    constants = {"count": np.array(count), "true": np.array(True)}
    return classifier(node("Loop", ["count", "true", "x"], body=inner), constants=constants)


def endless():
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("v", "w")]
    return loop(node("Relu", ["v"], ["w"]), carried=values[:1], results=values[1:])


def growing():
    """Twice as long at each turn of a loop."""
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("v", "w")]
    twice = node("Concat", ["v", "v"], ["w"], axis=0)
    return loop(twice, count=60, carried=values[:1], results=values[1:])


def expanded(shape=(1 << 20, 1 << 14, CLASSES)):
    """A constant of a few bytes that asks for terabytes when it runs."""
    wide = [node("Expand", ["x1", "shape"], ["wide"]), node("ReduceMax", ["wide"], ["m"])]
    flat = node("ReduceMax", outputs=["x1"], axes=[0], keepdims=1)
    constants = {"shape": np.array(shape)}
    return classifier(flat, *wide, node("Add", ["x", "m"]), constants=constants)


def folded(elements=1 << 31):
    """A constant that the runtime works out as it makes the session."""
    made = node("ConstantOfShape", ["shape"], ["wide"])
    most = node("ReduceMax", ["wide"], ["m"])
    return classifier(
        made, most, node("Add", ["x", "m"]), constants={"shape": np.array([elements])}
    )


def states_too_much():
    """A weight of 10^12 elements, of which the file holds four bytes."""
    model = classifier(node("Add", ["x", "wide"]))
    model.graph.initializer.append(
        TensorProto(name="wide", data_type=FLOAT, dims=[10**6, 10**6], raw_data=b"\0" * 4)
    )
    return model


def negative_size():
    model = states_too_much()
    model.graph.initializer[-1].dims[:] = [-1, -4]
    return model


def foreign():
    return classifier(node("Relu", domain=ESCAPE), domains=[ESCAPE])


NO_FUNCTION = {
    **{
        f"draws {operator}": (random(operator), f"draws random numbers .{operator}.")
        for operator in (
            *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
            *("Bernoulli", "Multinomial"),
        )
    },
    "draws inside": (hidden_random(), "draws random numbers .RandomNormalLike."),
    "dropout": (dropout(made_inside=False), "holds Dropout in training mode"),
    "dropout by a constant": (dropout(made_inside=True), "holds Dropout in training mode"),
    "dropout unseen": (hidden_dropout(), "other scores for the same images"),
    "batch normalisation": (normalised(), "holds BatchNormalization in training mode"),
    "text": (texts(), r"gives tensor\(string\) first"),
    "sequence": (sequence(), r"gives seq\(tensor\(float\)\) first"),
    "map": (mapped(), r"gives seq\(map\(string,tensor\(float\)\)\) first"),
    "no output": (classifier(node("Relu"), output=None), "has no output|refuses it"),
    "batch of none": (classifier(node("Relu"), batch=0), "takes 0 images at once"),
    "batch of millions": (classifier(node("Relu"), batch=2_000_000), "takes 2,000,000 images"),
}
TOO_MUCH = {
    "function bomb": (functions(40), "more than 1,000,000 operators"),
    "function that calls itself": (functions(3, calls_itself=True), "calls itself"),
    "weights of nothing": (states_too_much(), "states weights of 1000000x1000000, and holds"),
    "weights of less than nothing": (negative_size(), "states weights of -1x-4"),
}
HANGS = {"endless loop": endless()}
HUNGRY = {"growing": growing(), "expanded": expanded(), "folded": folded()}
