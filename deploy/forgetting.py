"""`har devices`, with what forgetting a device removes from the store: the registry's own package does without it."""

import sys
from pathlib import Path

from ingest.devices import command
from ingest.devices.settings import DevicesSettings, ForgetSettings


def run(settings: DevicesSettings) -> int:
    """Run the selected subcommand of `har devices`; return the exit status."""
    return command.run(settings, forget_elsewhere=forget_heads)


def forget_heads(settings: ForgetSettings) -> bool:
    """Remove the personal heads of a device from the store; return whether none is left there."""
    if "store" not in settings.model_fields_set and not Path(settings.store).exists():
        print(f"store: nothing to erase, as there is no store at {settings.store}; name another one with --store")
        return True
    try:
        removed = _removed(settings)
    except ModuleNotFoundError as error:
        reason = f"{error.name} is not installed: pip install 'har-stream[gateway,store]'"
    except Exception as error:  # the clients of object storage have exceptions of their own
        reason = str(error) or type(error).__name__
    else:
        heads = "1 personal head" if removed == 1 else f"{removed} personal heads"
        print(f"store: {f'{heads} erased' if removed else 'nothing to erase'}")
        return True
    print(
        f"store: the personal heads in {settings.store} were NOT erased; run this command again: {reason}",
        file=sys.stderr,
    )
    return False


def _removed(settings: ForgetSettings) -> int:
    # Imported here: the other subcommands need no library of the store.
    from model_store.repository.personal_heads import remove_heads  # noqa: PLC0415
    from model_store.repository.signed_state import Signing  # noqa: PLC0415
    from model_store.repository.signing_keys import Keyring  # noqa: PLC0415
    from model_store.repository.storage import Storage  # noqa: PLC0415

    return remove_heads(Storage(settings.store), Signing(Keyring(settings.online_keys)), settings.name)
