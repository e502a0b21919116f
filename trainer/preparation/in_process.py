"""Preparation in this process: for recordings that fit into memory, without Spark or Java."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from har.recordings import Recording
from har.releases import TrainingData
from trainer.preparation.personal import split_in_time
from trainer.preparation.pieces import Piece, cut_pieces
from trainer.preparation.plan import TRAIN, PreparationPlan, is_personal, split_of_people
from trainer.preparation.shards import PreparedIndex
from trainer.preparation.wearers import wearers_of
from trainer.preparation.writing import deal, finish, prepared_folder, write_shards
from trainer.sources.data_sets import data_sets_of
from trainer.sources.recordings import reject_repeated_recordings


def prepare_in_process(
    sources: Mapping[str, Sequence[Recording]],
    plan: PreparationPlan,
    output: Path,
    *,
    provenance: Sequence[TrainingData] | None = None,
) -> PreparedIndex:
    """Cut recordings and write a prepared folder.

    Parameters
    ----------
    sources : mapping of str to sequence of Recording
        The recordings of each data set, by its path.
    plan : PreparationPlan
        How they are cut and split.
    output : Path
        The folder; it appears only when it is complete.
    provenance : sequence of TrainingData, optional
        Where the recordings are from; what is known of their devices, if not given.

    Raises
    ------
    RecordingError
        If the same session of a person is in two data sets.
    ShardError
        If the folder exists, or there is nothing to train on.
    """
    reject_repeated_recordings(sources.items())
    recordings = [recording for theirs in sources.values() for recording in theirs]
    wearers = wearers_of([[recording.person for recording in theirs] for theirs in sources.values()])
    personal = is_personal(wearers)
    splits = split_of_people(wearers, 0.0 if personal else plan.held_out_share)
    models: dict[str, list[str]] = {}
    dealt: dict[tuple[str, int], list[Piece]] = {}
    for recording in recordings:
        models.setdefault(recording.person, []).append(recording.model)
        by_split = pieces_by_split(recording, splits[recording.person], plan, personal=personal)
        for split, pieces in by_split.items():
            for number, piece in deal(pieces, plan.shards):
                dealt.setdefault((split, number), []).append(piece)
    with prepared_folder(output) as folder:
        write_shards(folder, dealt)
        return finish(
            folder,
            plan,
            models=models,
            wearers=wearers,
            personal=personal,
            sources=list(sources),
            provenance=data_sets_of(models) if provenance is None else provenance,
        )


def pieces_by_split(
    recording: Recording, split: str, plan: PreparationPlan, *, personal: bool
) -> dict[str, list[Piece]]:
    """Cut one recording for its split; the training split keeps the classes only, the others all labels.

    Parameters
    ----------
    recording : Recording
        One session.
    split : str
        The person's.
    plan : PreparationPlan
        How it is cut.
    personal : bool
        Whether the recording of a person that is trained on is split in time.
    """
    parts = [(split, recording)]
    if personal and split == TRAIN:
        parts = list(split_in_time(recording, plan.held_out_share))
    pieces: dict[str, list[Piece]] = {}
    for name, part in parts:
        kept = plan.classes if name == TRAIN else None
        pieces.setdefault(name, []).extend(cut_pieces(part, plan.spec_of(name), kept))
    return pieces
