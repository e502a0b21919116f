"""A loss that is NaN or infinite ends training: nothing that is trained on from there is worth anything."""

import math


class NonFiniteLossError(RuntimeError):
    """Training broke down; the text says where, and what may help."""


def require_finite(loss: float, *, epoch: int, step: int, rate: float) -> None:
    """Raise if a loss is NaN or infinite.

    Raises
    ------
    NonFiniteLossError
        With the place and what may help.
    """
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss became {loss} in epoch {epoch}, step {step}, at learning rate {rate:.3g}: training stopped. "
            "A lower --peak-rate or --clip-norm helps where the gradients explode; readings that are far beyond a "
            "phone's range (`har data report` shows them) are the other cause"
        )
