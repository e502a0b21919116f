"""A release as an estimator of scikit-learn, which need not be installed."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classify.checked import warn_of
from classify.classifier import Classifier, unit_findings
from classify.door import load
from har.activity_names import canonical_activity, named_class
from har.decisions import UNKNOWN, Thresholds, decide_all
from har.recordings import RecordingError
from model_store.release_folder import BASELINE

if TYPE_CHECKING:
    from sklearn.utils import Tags


class ActivityClassifier:
    """A release with the methods of a scikit-learn classifier, for its pipelines, scores and validation.

    A release is trained already: `fit` opens it and checks the data, and learns nothing.

    Parameters
    ----------
    release : str or Path
        What `har.load` opens: ``"baseline"``, a folder, or the URL of a store.
    threshold : float, optional
        `predict` returns ``"unknown"`` where no class reaches this probability; the kinds of background do not count
        then, so with 0 it always names a class. If not given, the release's own thresholds hold.
    force : bool
        Whether to answer even if the windows are not m/s² with gravity.

    Attributes
    ----------
    classes_ : ndarray of str, shape (classes,)
        The activities, in the order of the columns of `predict_proba`.
    n_features_in_ : int
        Numbers of a window: steps times three.

    Examples
    --------
    >>> windows = np.random.default_rng(0).normal([0, 0, 9.8], 0.05, (2, 200, 3))
    >>> ActivityClassifier(threshold=0).predict_proba(windows).shape
    (2, 7)
    """

    def __init__(self, release: str | Path = BASELINE, threshold: float | None = None, force: bool = False) -> None:
        self.release = release
        self.threshold = threshold
        self.force = force

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The activities, in the order of the columns of `predict_proba`."""
        return np.array(self._opened().classes)

    @property
    def n_features_in_(self) -> int:
        """Numbers of a window."""
        return self._opened().manifest.steps * 3

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Open the release and check the data; nothing is learned.

        Raises
        ------
        ReleaseError
            If the release cannot be opened.
        RecordingError
            If `X` has another shape than windows, or `y` another length.
        """
        count = len(self._windows(X))
        if y is not None and len(np.asarray(y)) != count:
            raise RecordingError(f"{count} windows need as many labels, not {len(np.asarray(y))}")
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of float, shape (n, steps, 3) or (n, steps * 3)
            Windows, m/s², gravity included; in the second shape, the axes of a step stand side by side.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            A row sums to 1 if the release knows no kinds of background; otherwise to 1 minus their probabilities.

        Raises
        ------
        RecordingError
            If the shape is another, a value is not finite, or the windows are not m/s² with gravity.
        """
        return self._output_probabilities(X)[:, : len(self._opened().classes)]

    def _output_probabilities(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        opened, windows = self._opened(), self._windows(X)
        found = opened.output_probabilities(windows)
        warn_of(unit_findings(windows, opened.manifest), Path("windows"), force=self.force)
        return found

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:  # noqa: N803 - scikit-learn's name
        """Return the activity of each window, or ``"unknown"``; see `predict_proba`."""
        probabilities = self._output_probabilities(X)
        opened = self._opened()
        thresholds = opened.manifest.thresholds if self.threshold is None else Thresholds(self.threshold)
        decided = decide_all(probabilities, thresholds, len(opened.classes))
        return np.array([*opened.classes, UNKNOWN])[decided]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:  # noqa: N803
        """Return the share of windows whose label is predicted, whichever of its names the label has.

        A window with a label that is no class is right if ``"unknown"`` is predicted.
        """
        classes = self._opened().classes
        named = [named_class(canonical_activity(str(label)), classes) for label in np.asarray(y)]
        wanted = np.array([name if name in classes else UNKNOWN for name in named])
        right = (self.predict(X) == wanted).astype(float)
        return float(np.average(right, weights=None if sample_weight is None else np.asarray(sample_weight, float)))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by their names."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: object) -> Self:
        """Change parameters.

        Raises
        ------
        ValueError
            If there is no parameter of a name.
        """
        if unknown := parameters.keys() - self.get_params().keys():
            raise ValueError(f"no parameter {', '.join(sorted(unknown))}; there are {', '.join(self.get_params())}")
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        default = {name: given.default for name, given in inspect.signature(type(self)).parameters.items()}
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if value != default[name]]
        return f"ActivityClassifier({', '.join(changed)})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters only: whoever unpickles it opens the release."""
        return self.get_params()

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> "Tags":
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags  # noqa: PLC0415 - only scikit-learn calls it

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=True, three_d_array=True),
            requires_fit=False,
            no_validation=False,
        )

    def _opened(self) -> Classifier:
        """Open the release when it is first needed, and again after `set_params` named another."""
        kept: tuple[str, Classifier] | None = self.__dict__.get("_kept")
        if kept is None or kept[0] != str(self.release):
            kept = (str(self.release), load(self.release))
            self.__dict__["_kept"] = kept
        return kept[1]

    def _windows(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        values, numbers = np.asarray(X, np.float32), self.n_features_in_
        if values.ndim == 2 and values.shape[1] == numbers:
            return values.reshape(-1, numbers // 3, 3)
        if values.ndim != 3 or values.shape[1:] != (numbers // 3, 3):
            raise RecordingError(
                f"windows have the shape (n, {numbers // 3}, 3) or (n, {numbers}), not {values.shape}: "
                "cut them with har.windows"
            )
        return values
