"""A frozen network in ONNX format, run by ONNX Runtime."""

from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class OnnxNetwork:
    """A network with one input and one output.

    Parameters
    ----------
    content : bytes
        Content of the ONNX file.
    threads : int
        Number of CPU threads for one call.

    Attributes
    ----------
    input, output : str
        Names of the input and the output.
    input_shape, output_shape : list
        Shapes of the input and the output; a dimension that is not fixed is a name.

    Raises
    ------
    ValueError
        If ONNX Runtime cannot load it, or it has several inputs or outputs.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class but Exception
            raise ValueError(f"ONNX Runtime cannot load the network: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError("the network must have one input and one output")
        self.input, self.output = inputs[0].name, outputs[0].name
        self.input_shape: list[int | str] = list(inputs[0].shape)
        self.output_shape: list[int | str] = list(outputs[0].shape)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, float32 ``(n, classes)``, for normalised windows, float32 ``(n, steps, 3)``."""
        (result,) = self._session.run([self.output], {self.input: windows})
        return cast(NDArray[np.float32], result)
