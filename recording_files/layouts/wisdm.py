"""WISDM's raw texts: `33,Jogging,49105962326000,-0.69,12.68,0.50;`, with activities as words or as letters.

- *Activity Recognition* (Kwapisz, Weiss and Moore, "Activity recognition using cell phone accelerometers", SIGKDD
  Explorations 12, 2010): one file, 36 people with a phone in a front trouser pocket, 20 Hz. Activities are words.
- *WISDM-51* (Weiss, Yoneda and Hayajneh, "Smartphone and smartwatch-based biometrics using activities of daily living",
  IEEE Access 7, 2019): 51 people, a file for each person and sensor, 20 Hz. Activities are letters from A to S, but no
  N.

Times are in ns since the phone was started. Readings are in m/s², gravity included.
"""

from recording_files.layout import Layout, TimeColumn, TimeUnit, Unit
from recording_files.table_head import TableHead
from recording_files.text_form import is_number

_USER, _ACTIVITY, _TIME, _COLUMNS = 0, 1, 2, 6
#: WISDM-51's letters. "stairs" says neither up nor down.
LETTERS = {
    "A": "walk", "B": "jog", "C": "stairs", "D": "sit", "E": "stand", "F": "typing", "G": "brushing_teeth",
    "H": "eating_soup", "I": "eating_chips", "J": "eating_pasta", "K": "drinking", "L": "eating_sandwich",
    "M": "kicking_ball", "O": "catching_ball", "P": "dribbling_ball", "Q": "writing", "R": "clapping",
    "S": "folding_clothes",
}  # fmt: skip


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of WISDM; else None."""
    if head.form.has_header or len(head.names) != _COLUMNS:
        return None
    first = next((row for row in head.rows if len(row) == _COLUMNS and all(row)), None)
    if first is None or is_number(first[_ACTIVITY]) or not all(map(is_number, (first[_USER], *first[_TIME:]))):
        return None
    user, activity, time, x, y, z = head.names
    has_letters = set(head.cells(activity)) <= set(LETTERS)
    return Layout(
        format="WISDM-51" if has_letters else "WISDM",
        axes=(x, y, z),
        unit=Unit.METRES,
        time=TimeColumn(time, TimeUnit.NANOSECONDS, is_whole=True),
        texts={"user": user, "gt": activity},
        labels=LETTERS if has_letters else {},
        constants={"session": "wisdm"},
        has_incomplete_rows=True,
    )
