"""The releases and personal heads that a worker begins with."""

import logging
from typing import TYPE_CHECKING

from har.channels import STABLE
from model_store.client.errors import UpdateRejectedError
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.serving import CurrentReleases, ReleaseTimeline
from stream_processor.settings import ProcessorSettings

if TYPE_CHECKING:  # a store's client takes a fifth of the start-up time, and is not always needed
    from stream_processor.release_loading import ReleaseLoader

log = logging.getLogger(__name__)


def first_releases(settings: ProcessorSettings) -> "tuple[ReleaseTimeline, ReleaseLoader | None]":
    """Return the first releases: from the store, else those kept from the last run, else the settings' release.

    The same goes for the personal heads. Without a store there are none.

    Raises
    ------
    ReleaseError
        If the settings' release, or the store's root, cannot be used.
    OSError
        If the folder for releases cannot be written.
    """
    baseline = OnnxClassifier.open(settings.release, threads=settings.inference_threads)
    first = CurrentReleases({STABLE: baseline})
    if settings.store_url is None:
        return ReleaseTimeline(first), None
    from stream_processor.release_loading import ReleaseLoader, release_client  # noqa: PLC0415  (only with a store)

    loader = ReleaseLoader(release_client(settings), baseline, threads=settings.inference_threads)
    _load_kept_heads(loader)
    try:
        first = loader.last_good()
        first = loader.pull({}, effective=0)
        loader.pull_first_heads()
    except UpdateRejectedError as rejected:
        log.warning("%s", rejected)
    timeline = ReleaseTimeline(first)
    timeline.use_heads(loader.heads.heads)
    return timeline, loader


def _load_kept_heads(loader: "ReleaseLoader") -> None:
    try:
        loader.last_good_heads()
    except UpdateRejectedError as rejected:
        log.warning("%s", rejected)
