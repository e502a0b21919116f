"""Prepare recordings in this process, without Spark or Java. They must fit into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from har.recordings import Recording
from har.releases import TrainingData
from recording_files.data_sets import data_sets_of
from recording_files.loading import reject_repeated_recordings
from trainer.preparation.class_choice import asks_for
from trainer.preparation.personal import split_in_time
from trainer.preparation.pieces import Piece, cut_pieces
from trainer.preparation.plan import TRAIN, PreparationPlan, is_personal, split_of_people
from trainer.preparation.shards import PreparedIndex
from trainer.preparation.wearers import wearers_of
from trainer.preparation.writing import deal, finish, prepared_folder, write_shards


def prepare_in_process(
    sources: Mapping[str, Sequence[Recording]],
    plan: PreparationPlan,
    output: Path,
    *,
    provenance: Sequence[TrainingData] | None = None,
    remarks: Sequence[str] = (),
) -> PreparedIndex:
    """Cut recordings and write a prepared folder.

    Parameters
    ----------
    sources : mapping of str to sequence of Recording
        Recordings of each data set, by its path.
    plan : PreparationPlan
        How to cut and split them.
    output : Path
        The folder to write. It appears atomically.
    provenance : sequence of TrainingData, optional
        Provenance of the recordings; derived from the device names if not given.
    remarks : sequence of str
        What the sources left out.

    Raises
    ------
    RecordingError
        If two data sets hold the same session of a person, or there is nothing to train on.
    ShardError
        If the folder exists.
    """
    reject_repeated_recordings(sources.items())
    recordings = [recording for data_set in sources.values() for recording in data_set]
    wearers = wearers_of([[recording.person for recording in data_set] for data_set in sources.values()])
    personal = is_personal(wearers)
    splits = split_of_people(wearers, 0.0 if personal else plan.held_out_share)
    models: dict[str, list[str]] = {}
    shards: dict[tuple[str, int], list[Piece]] = {}
    rows: Counter[str] = Counter()
    for recording in recordings:
        models.setdefault(recording.person, []).append(recording.model)
        labels, counts = np.unique(recording.labels, return_counts=True)
        rows.update(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
        by_split = pieces_by_split(recording, splits[recording.person], plan, personal=personal)
        for split, pieces in by_split.items():
            for number, piece in deal(pieces, plan.shards):
                shards.setdefault((split, number), []).append(piece)
    with prepared_folder(output) as folder:
        write_shards(folder, shards)
        return finish(
            folder,
            plan,
            models=models,
            wearers=wearers,
            personal=personal,
            sources=list(sources),
            provenance=data_sets_of(models) if provenance is None else provenance,
            rows=rows,
            remarks=remarks,
        )


def pieces_by_split(
    recording: Recording, split: str, plan: PreparationPlan, *, personal: bool
) -> dict[str, list[Piece]]:
    """Cut one recording into pieces.

    The training split keeps only windows of the classes and of background, the others keep all labels.

    Parameters
    ----------
    recording : Recording
        One session.
    split : str
        Split of the person.
    plan : PreparationPlan
        How to cut it.
    personal : bool
        Whether a recording of the training split is split in time.

    Returns
    -------
    dict of str to list of Piece
        Pieces by split.
    """
    parts = [(split, recording)]
    if personal and split == TRAIN:
        parts = list(split_in_time(recording, plan.held_out_share, plan.windows.length_us))
    pieces: dict[str, list[Piece]] = {}
    for name, part in parts:
        kept = asks_for(plan.outputs, np.unique(part.labels).tolist()) if name == TRAIN else None
        pieces.setdefault(name, []).extend(cut_pieces(part, plan.spec_of(name), kept, plan.signal_bounds))
    return pieces
