"""Check of the golden window: a window with known probabilities that a release must reproduce before it is used."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from har.release_documents import ReleaseError
from model_store.release_folder import ReleaseFolder


def check_golden(
    release: ReleaseFolder,
    probabilities: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    rounded: bool = False,
) -> None:
    """Check that a loaded network reproduces the known probabilities of the golden window.

    Parameters
    ----------
    release : ReleaseFolder
        The release of the network.
    probabilities : callable
        Maps windows ``(n, steps, 3)`` in m/s² to probabilities ``(n, outputs)``.
    rounded : bool
        Whether the weights are rounded to eight bits. If so, only the most probable class must be the known one.
        Otherwise each probability must be within the manifest's tolerance.

    Raises
    ------
    ReleaseError
        If the network fails, or the probabilities or their number is wrong.
    """
    manifest, golden = release.manifest, release.read_golden()
    expected = np.array(golden.probabilities)
    try:
        result = probabilities(np.array([golden.window], np.float32))
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise ReleaseError(f"{manifest.release}: the network fails on its golden window: {error}") from error
    if result.shape != (1, len(manifest.outputs)):  # a network may declare another shape than it returns
        raise ReleaseError(
            f"{manifest.release}: the network returned {result.shape[1:]} probabilities, "
            f"the manifest names {len(manifest.outputs)}"
        )
    difference = float(np.abs(result[0] - expected).max())
    if rounded:
        is_right = bool(np.isfinite(result).all()) and result[0].argmax() == expected.argmax()
        detail = "the most probable class is another"
    else:
        is_right = difference <= manifest.golden.tolerance  # NaN must fail too
        detail = f"the tolerance is {manifest.golden.tolerance:.2g}"
    if not is_right:
        raise ReleaseError(f"{manifest.release} fails its golden window: off by {difference:.2g}, {detail}")
