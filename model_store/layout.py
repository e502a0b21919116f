"""Names of the files of a store, in storage and over HTTP."""

METADATA_FOLDER = "metadata"
TARGETS_FOLDER = "targets"
#: Largest metadata file, bytes.
MAX_METADATA_BYTES = 5_000_000
#: Most versions of root metadata that are read one after the other.
MAX_ROOTS = 256


def target_name(path: str, sha256: str) -> str:
    """Return the file name of a target. It contains the hash of the content, so the file never changes.

    Examples
    --------
    >>> target_name("channels/stable.json", "ab12")
    'targets/channels/ab12.stable.json'
    """
    folder, name = path.rsplit("/", 1)
    return f"{TARGETS_FOLDER}/{folder}/{sha256}.{name}"


def pointer_path(channel: str) -> str:
    """Return the target path of a channel's pointer."""
    return f"channels/{channel}.json"


def release_path(release: str, name: str) -> str:
    """Return the target path of a release's file."""
    return f"releases/{release}/{name}"


def personal_index_path() -> str:
    """Return the target path of the index of personal heads."""
    return "channels/personal.json"


def head_path(device_id: str, number: int) -> str:
    """Return the target path of a personal head.

    Examples
    --------
    >>> head_path("ab12", 3)
    'channels/personal-ab12-3.json'
    """
    return f"channels/personal-{device_id}-{number}.json"


def is_personal(name: str) -> bool:
    """Return whether the file name of a target is that of a personal head, or of their index.

    Examples
    --------
    >>> is_personal("channels/ab12.personal-cd34-3.json"), is_personal("channels/ab12.stable.json")
    (True, False)
    """
    return name.startswith("channels/") and ".personal" in name
