"""A network for tests of the upright reference: it tells walking by the movement, and no posture from another."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.releases import ReleaseManifest
from har.upright_rule import UprightRule
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import open_release

RULE = UprightRule(needed=3)


class WalkingNetwork(ReleaseClassifier):
    """Calls windows of large movement walk, and sit and stand equally likely in the others."""

    def __init__(self, *, release: str = "walking", rule: UprightRule | None = RULE) -> None:
        shipped = open_release("baseline").manifest
        classes = ["sit", "stand", "walk", "stairsup", "stairsdown"]
        self.manifest: ReleaseManifest = msgspec.structs.replace(
            shipped, release=release, upright=rule, classes=classes, background=None, shown_for={}
        )

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        moves = windows.std(axis=1).max(axis=1) > 0.5
        probabilities = np.full((len(windows), len(self.manifest.classes)), 0.02, np.float32)
        probabilities[:, :2] = np.where(moves[:, None], 0.02, 0.47)
        probabilities[:, self.manifest.classes.index("walk")] = np.where(moves, 0.92, 0.02)
        return probabilities
