"""The personal heads that an audit knows, and what they make of a network's answers."""

from collections.abc import Mapping, Sequence

from har.personal_head import PersonalHead
from har.personal_index import head_for
from har.predictions import Prediction
from har.releases import ReleaseManifest
from har.upright import Vector

Heads = Mapping[str, Sequence[PersonalHead]]


class KnownHeads:
    """The heads for one release.

    Parameters
    ----------
    heads : mapping of str to sequence of PersonalHead
        The heads of each device, in order of their numbers.
    manifest : ReleaseManifest or None
        The release's manifest; None if there are no heads.
    """

    def __init__(self, heads: Heads | None = None, manifest: ReleaseManifest | None = None) -> None:
        self._heads = heads or {}
        self._manifest = manifest

    def named_by(self, prediction: Prediction) -> PersonalHead | None:
        """Return the head that a prediction names; None if it names none, or one that is gone."""
        heads = self._heads.get(prediction.device, ())
        return next((head for head in heads if head.number == prediction.personal), None)

    def misses(self, device: str, number: int | None) -> bool:
        """Return whether the head with this number is not known: the device was forgotten, or has newer heads."""
        return number is not None and all(head.number != number for head in self._heads.get(device, ()))

    def corrected(
        self, head: PersonalHead | None, probabilities: Sequence[float], gravity: Vector | None
    ) -> list[float] | None:
        """Return what a head makes of the network's answer; None if it leaves the answer as it is."""
        manifest = self._manifest
        if head is None or gravity is None or manifest is None or head.release != manifest.release:
            return None
        if not head.fits(manifest.outputs, len(manifest.classes)):
            return None
        return head.corrected(probabilities, gravity)

    def due(self, prediction: Prediction, probabilities: Sequence[float], gravity: Vector | None) -> int | None:
        """Return the number of the head in effect when a window arrived; None if there was none, or it did not correct.

        Parameters
        ----------
        prediction : Prediction
            The window's prediction.
        probabilities : sequence of float
            The network's output.
        gravity : tuple of float or None
            The window's mean acceleration, m/s².
        """
        heads = self._heads.get(prediction.device, ())
        head = head_for(heads, prediction.release, prediction.arrived)
        return head.number if head is not None and self.corrected(head, probabilities, gravity) is not None else None
