"""Stop training if the loss is NaN or infinite."""

import math


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite. The message contains the place and possible remedies."""


def require_finite(loss: float, *, epoch: int, step: int, rate: float) -> None:
    """Raise if a loss is NaN or infinite.

    Raises
    ------
    NonFiniteLossError
        With the epoch, the step and possible remedies.
    """
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss became {loss} in epoch {epoch}, step {step}, at learning rate {rate:.3g}: training stopped. "
            "If the gradients exploded, lower --peak-rate or --clip-norm. Another cause is readings far beyond a "
            "phone's range; `har data report` shows them"
        )
