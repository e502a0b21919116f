"""A frozen network in LiteRT format, float32 or int8, without TensorFlow."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


class LiteNetwork:
    """A network with one input and one output. It classifies windows one by one, and is not thread-safe.

    Parameters
    ----------
    content : bytes
        Content of the LiteRT file.
    threads : int
        Number of CPU threads for one call.

    Attributes
    ----------
    input_shape, output_shape : list of int
        Shapes of the input and the output, for one window.

    Raises
    ------
    ValueError
        If LiteRT cannot load it, or it has several inputs or outputs.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except Exception as error:  # LiteRT documents no exception types; ValueError and RuntimeError were seen
            raise ValueError(f"LiteRT cannot load the network: {error}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError("the network must have one input and one output")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.input_shape: list[int] = inputs[0]["shape"].tolist()
        self.output_shape: list[int] = outputs[0]["shape"].tolist()

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, float32 ``(n, classes)``, for normalised windows, float32 ``(n, steps, 3)``."""
        results = np.empty((len(windows), self.output_shape[-1]), np.float32)
        for number, window in enumerate(windows):
            # The LSTM layers keep their state in variables, which must not carry over to the next window.
            self._interpreter.reset_all_variables()
            self._interpreter.set_tensor(self._input, window[None])
            self._interpreter.invoke()
            results[number] = self._interpreter.get_tensor(self._output)[0]
        return results
