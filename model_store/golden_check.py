"""The golden window: the question with a known answer that a release must pass before it classifies anything else."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from har.releases import ReleaseError
from model_store.release_folder import ReleaseFolder


def check_golden(
    release: ReleaseFolder,
    probabilities: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    rounded: bool = False,
) -> None:
    """Check that a loaded network gives the known answer, so that windows and network mean the same.

    Parameters
    ----------
    release : ReleaseFolder
        Where the network is from.
    probabilities : callable
        From windows ``(n, steps, 3)`` in m/s² to probabilities ``(n, classes)``.
    rounded : bool
        Whether the weights were rounded to eight bits: then the most probable class must be the known one; else each
        probability must be the known one, within the tolerance that the manifest states.

    Raises
    ------
    ReleaseError
        If the answer is another, or the number of classes is.
    """
    manifest, golden = release.manifest, release.read_golden()
    expected = np.array(golden.probabilities)
    answer = probabilities(np.array([golden.window], np.float32))
    if answer.shape != (1, len(manifest.classes)):
        raise ReleaseError(
            f"{manifest.release}: the network answers {answer.shape[1:]} classes, "
            f"the manifest names {len(manifest.classes)}"
        )
    difference = float(np.abs(answer[0] - expected).max())
    if rounded:
        is_right = bool(np.isfinite(answer).all()) and answer[0].argmax() == expected.argmax()
        allowed = "another class"
    else:
        is_right = difference <= manifest.golden.tolerance  # NaN must fail too
        allowed = f"allowed is {manifest.golden.tolerance:.2g}"
    if not is_right:
        raise ReleaseError(f"{manifest.release} answers its golden window wrongly: off by {difference:.2g}, {allowed}")
