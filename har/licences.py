"""What the licences of training data allow for the weights, for programs."""

import msgspec


class WeightsTerms(msgspec.Struct, frozen=True):
    """What the licences of the training data allow for the weights, for programs.

    Attributes
    ----------
    commercial_use : bool or None
        Whether all allow commercial use; None if one does not state its terms.
    share_alike : bool or None
        Whether one asks for the same licence; None if one does not state its terms.
    limiting : list of str
        The data sets that forbid commercial use or ask for the same licence.
    """

    commercial_use: bool | None
    share_alike: bool | None
    limiting: list[str] = []
