"""The known data sets, by the device names in their tables: source, licence, placement, labels and weaknesses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from har.activity_names import NULL_LABEL
from har.releases import TrainingData


@dataclass(frozen=True)
class DataSet:
    """A known data set, identified by the device names in its tables.

    Attributes
    ----------
    data : TrainingData
        Name, licence and source, as stated in a release.
    placement : str
        Where the phone was worn.
    weakness : str
        Known weakness for the model card, one sentence.
    commercial_use : bool
        Whether its terms allow commercial use.
    shows_sway : bool
        Whether the sensor is quiet enough to show the sway of a standing wearer.
    meanings : mapping of str to str
        What labels of its tables mean, if it is not their own name: an activity, a kind of background, or
        `NULL_LABEL` for a label of recordings that show several activities or an unknown one.
    """

    data: TrainingData
    placement: str
    weakness: str
    commercial_use: bool
    shows_sway: bool
    meanings: Mapping[str, str] = field(default_factory=dict)


def _all_meaning(meaning: str, *labels: str) -> dict[str, str]:
    return dict.fromkeys(labels, meaning)


_HHAR = DataSet(
    TrainingData(
        "HHAR (Heterogeneity Human Activity Recognition), phones' accelerometers",
        "CC BY 4.0",
        "Stisen et al., UCI Machine Learning Repository, 2015",
    ),
    "waist",
    "All eight phones were in one pouch at the waist: models and rates differ widely, wearing does not.",
    commercial_use=True,
    shows_sway=False,
)

_HHAR_STILL = DataSet(
    TrainingData(
        "HHAR, still experiment: phones and watches on a table",
        "CC BY 4.0",
        "Stisen et al., UCI Machine Learning Repository, 2015",
    ),
    "table",
    "Tables of one laboratory: no table that somebody works at, and no vibration.",
    commercial_use=True,
    shows_sway=False,
)

_HAPT = DataSet(
    TrainingData(
        "HAPT (Smartphone-Based Recognition of Human Activities and Postural Transitions), raw accelerometer",
        "the data set's README forbids commercial use",
        "Reyes-Ortiz et al., UCI Machine Learning Repository, 2015",
    ),
    "waist",
    "At the waist, sitting and standing differ by a lean of the belt of 10 to 20 degrees that overlaps "
    "between people; for some wearers they cannot be distinguished.",
    commercial_use=False,
    shows_sway=False,
    meanings=_all_meaning(
        "transition", "sit_to_stand", "stand_to_sit", "sit_to_lie", "lie_to_sit", "stand_to_lie", "lie_to_stand"
    ),
)

_POCKET = DataSet(
    TrainingData("Pocket recordings, Samsung Galaxy S8", "MIT", "A. Lien, 2022"),
    "pocket",
    "Few people wore the phone in the pocket, all with the same model: stairs and walking are "
    "confused for gaits unlike theirs.",
    commercial_use=True,
    shows_sway=True,
)

_MOBIFALL = DataSet(
    TrainingData(
        "MobiFall v2.0, phone in a trouser pocket",
        "published for research; treated as not for commercial use",
        "Vavoulas et al., 2014",
    ),
    "pocket",
    "No seated wearer; seven of 18 people show more than falls, all with one model of phone.",
    commercial_use=False,
    shows_sway=True,
    meanings=_all_meaning(NULL_LABEL, "car_step_in", "car_step_out", "sit_down_and_up"),
)

_UMAFALL = TrainingData("UMAFall", "CC BY 4.0", "Casilari et al., 2017")
_UMAFALL_MEANINGS = {
    **_all_meaning("stand", "stand_clapping", "stand_hands_up", "stand_making_a_call", "stand_opening_door"),
    **_all_meaning(NULL_LABEL, "bending", "lie_down_and_up", "sit_down_and_up"),
}
_UMAFALL_POCKET = DataSet(
    _UMAFALL,
    "pocket",
    "Two minutes of stairs by four people; standing wearers move their arms; nobody sits.",
    commercial_use=True,
    shows_sway=True,
    meanings=_UMAFALL_MEANINGS,
)
_UMAFALL_WAIST = DataSet(
    _UMAFALL,
    "waist",
    "A tag at the belt with 20 readings a second; nobody sits, one person climbs stairs.",
    commercial_use=True,
    shows_sway=False,
    meanings=_UMAFALL_MEANINGS,
)

_WISDM = DataSet(
    TrainingData("WISDM Smartphone and Smartwatch Activity and Biometrics, phones", "CC BY 4.0", "Weiss, 2019"),
    "pocket",
    "Twenty readings a second; stairs up and down share one label and are not used.",
    commercial_use=True,
    shows_sway=True,
    meanings={
        **_all_meaning("sit", "sit_typing", "sit_eating", "sit_drinking", "sit_writing"),
        **_all_meaning("stand", "stand_brushing_teeth", "stand_clapping", "stand_folding"),
        **_all_meaning("sport", "catching_ball", "dribbling", "kicking_ball"),
        "stairs": NULL_LABEL,
    },
)

_SISFALL = DataSet(
    TrainingData("SisFall, sensor at the belt", "free for research with citation", "Sucerquia et al., 2017"),
    "waist",
    "A sensor at the belt buckle and not a phone; nobody sits or stands for long.",
    commercial_use=False,
    shows_sway=False,
    meanings={
        **_all_meaning(
            NULL_LABEL,
            *("bending", "car_in_and_out", "collapse_into_chair", "sit_down_and_up", "sit_lie_sit", "stairs"),
            "stumble",
        ),
        "lie_turning": "lie",
    },
)

_HUGADB = DataSet(
    TrainingData("HuGaDB, accelerometers on both thighs", "free for research", "Chereshnev and Kertész-Farkas, 2017"),
    "thigh",
    "Sensors tied to the thighs and not phones in a pocket; one person cycles and sits in a car.",
    commercial_use=False,
    shows_sway=True,
    meanings={
        **_all_meaning("transition", "sit_to_stand", "stand_to_sit"),
        **_all_meaning(NULL_LABEL, "elevator_up", "elevator_down"),
        "sit_in_car": "vehicle",
    },
)

#: The device of simulated readings.
SIMULATED = "simulated"

_SIMULATED = DataSet(
    TrainingData("Simulated background (har data simulate)", "as this project", "this project"),
    SIMULATED,
    "Some kinds of background are simulated and were never recorded: real vehicles, hands and bicycles differ.",
    commercial_use=True,
    shows_sway=True,
)

KNOWN_DATA_SETS: dict[str, DataSet] = {
    "galaxy_s2": _HAPT,
    "galaxy_s8": _POCKET,
    "mobifall_s3": _MOBIFALL,
    "umafall_phone": _UMAFALL_POCKET,
    "umafall_sensortag": _UMAFALL_WAIST,
    "wisdm51_phone": _WISDM,
    "sisfall_belt": _SISFALL,
    "hugadb_lt": _HUGADB,
    "hugadb_rt": _HUGADB,
    SIMULATED: _SIMULATED,
    **{f"{model}_{number}": _HHAR for model in ("nexus4", "s3", "s3mini", "samsungold") for number in (1, 2)},
    **{f"hhar_still_{face}": _HHAR_STILL for face in ("back", "bottom", "front", "left", "right", "top")},
}


def meaning_of(device: str, label: str) -> str:
    """Return what a canonical label means in the recordings of a device.

    Examples
    --------
    >>> meaning_of("wisdm51_phone", "sit_typing"), meaning_of("phone", "sit_typing")
    ('sit', 'sit_typing')
    """
    known = KNOWN_DATA_SETS.get(device)
    return known.meanings.get(label, label) if known else label
