"""Files of three people who recorded six activities of their own, as an app exports them: one CSV a person."""

from pathlib import Path

import numpy as np

#: The activities as the people write them, and how the phone is held and moves: gravity's direction, strength in m/s²,
#: frequency in Hz.
ACTIVITIES = {
    "Teig kneten": ((9.6, 1.0, 1.0), 1.0, 1.2),
    "太極拳": ((1.0, 9.6, 1.0), 0.6, 0.4),
    "прыжки": ((1.0, 1.0, 9.6), 4.0, 2.5),
    "Sägen": ((-9.6, 1.0, 1.0), 2.0, 1.7),
    "صعود الدرج": ((1.0, -9.6, 1.0), 2.0, 1.9),
    "Rope-skipping": ((5.6, 5.6, 5.6), 5.0, 2.2),
}
#: Their canonical names, in alphabetical order.
CLASSES = ["rope_skipping", "sägen", "teig_kneten", "прыжки", "صعود_الدرج", "太極拳"]
PEOPLE = ("Åsa", "李雷", "Ben")
#: An activity that only the first person recorded, too briefly to learn it.
BRIEF, BRIEF_SECONDS = "Jonglieren", 8.0
RATE_HZ = 50


def write_own_recordings(folder: Path, *, seconds: float, rounds: int = 3) -> Path:
    """Write a CSV for each person: every activity for some seconds, in several rounds with pauses between them."""
    folder.mkdir()
    for number, person in enumerate(PEOPLE):
        rng = np.random.default_rng(number)
        shown = [(name, seconds) for name in ACTIVITIES] * rounds
        if not number:
            shown.append((BRIEF, BRIEF_SECONDS))
        lines, start = ["person,time,ax,ay,az,activity"], 0.0
        for name, length in shown:
            gravity, strength, frequency = ACTIVITIES.get(name, ((3.0, 0.0, 9.0), 3.0, 3.0))
            t = np.arange(int(length * RATE_HZ)) / RATE_HZ
            sway = strength * np.sin(2 * np.pi * frequency * t[:, None] + np.arange(3))
            axes = np.array(gravity) + rng.normal(0, 0.3, 3) + sway + rng.normal(0, 0.15, (len(t), 3))
            lines += [
                f"{person},{start + time:.3f},{x:.4f},{y:.4f},{z:.4f},{name}"
                for time, (x, y, z) in zip(t, axes, strict=True)
            ]
            start += length + 5.0
        (folder / f"recording {number + 1}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder
