"""Where the files of a store are: as it keeps them, and as clients ask for them."""

METADATA_FOLDER = "metadata"
TARGETS_FOLDER = "targets"
#: No file of metadata has more.
MAX_METADATA_BYTES = 5_000_000
#: Nobody follows more roots, one after the other.
MAX_ROOTS = 256


def target_name(path: str, sha256: str) -> str:
    """Return the name of the file of a target: by its content, so that it is never changed.

    Examples
    --------
    >>> target_name("channels/stable.json", "ab12")
    'targets/channels/ab12.stable.json'
    """
    folder, name = path.rsplit("/", 1)
    return f"{TARGETS_FOLDER}/{folder}/{sha256}.{name}"


def pointer_path(channel: str) -> str:
    """Return the target that a channel's pointer is."""
    return f"channels/{channel}.json"


def release_path(release: str, name: str) -> str:
    """Return the target that a release's file is."""
    return f"releases/{release}/{name}"
