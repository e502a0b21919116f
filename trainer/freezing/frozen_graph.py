"""Freeze a trained network to a TensorFlow graph (``.pb``): one file of operators with the weights as constants."""

from typing import cast

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from trainer.freezing.errors import conversion
from trainer.freezing.traced import INPUT, OUTPUT, Model, trace


def freeze_graph(model: Model) -> bytes:
    """Freeze a tf-keras network to a TensorFlow graph.

    Parameters
    ----------
    model : tf-keras model
        Maps float32 ``(batch, steps, 3)`` to ``(batch, classes)``.

    Returns
    -------
    bytes
        A ``GraphDef`` with the placeholder ``windows`` and the output ``probabilities``, for any batch size.

    Raises
    ------
    FreezingError
        If TensorFlow cannot convert the network.
    """
    with conversion("tensorflow-frozen-graph", "TensorFlow", model.name):
        # Loops become plain operators, so programs without support for TensorFlow 2's functions can run the graph.
        frozen = convert_variables_to_constants_v2(trace(model, None).function)
    graph = frozen.graph.as_graph_def()
    ends = {frozen.inputs[0].op.name: INPUT, frozen.outputs[0].op.name: OUTPUT}
    for node in graph.node:
        node.name = ends.get(node.name, node.name)
        node.input[:] = [_renamed(end, ends) for end in node.input]
    return cast(bytes, graph.SerializeToString(deterministic=True))


def _renamed(end: str, names: dict[str, str]) -> str:
    """Rename the input of a node: ``node``, ``node:number`` or ``^node``."""
    mark = "^" if end.startswith("^") else ""
    node, colon, number = end.removeprefix("^").partition(":")
    return f"{mark}{names.get(node, node)}{colon}{number}"
