"""`har store`: create, change, inspect and serve a store of releases."""

from collections.abc import Callable, Sequence

import msgspec

from har.channels import CANARY, ChannelPointer
from har.process import interrupts
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.whole_files import write_whole
from har.release_documents import ReleaseError
from model_store.release_folder import open_release
from model_store.repository.contents import describe_release, files_of, history, pointers, read_manifest, release_names
from model_store.repository.creation import RootKeys, create_store
from model_store.repository.key_rotation import renew, rotate_key
from model_store.repository.publishing import promote, publish, rollback
from model_store.repository.refreshing import expiries
from model_store.repository.signed_state import Signing, read_state
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from model_store.repository.verification import verify_store
from model_store.settings import (
    InitSettings,
    ListReleasesSettings,
    OfflineSigningSettings,
    PromoteSettings,
    PublishSettings,
    RenewSettings,
    RollbackSettings,
    RotateKeySettings,
    ShowSettings,
    SigningSettings,
    StoreSettings,
    VerifySettings,
)

TRUSTED_ROOT = "trusted_root.json"


def run(settings: StoreSettings) -> int:
    """Run the chosen subcommand; return the exit status."""
    if settings.serve is not None:
        with interrupts.ending_at_once():
            from model_store.server.serve import serve  # noqa: PLC0415 - other subcommands need no web server

        return serve(settings.serve)
    commands: Sequence[tuple[object, Callable[..., int]]] = (
        (settings.init, _init),
        (settings.publish, _publish),
        (settings.promote, _promote),
        (settings.rollback, _rollback),
        (settings.list, _list),
        (settings.show, _show),
        (settings.verify, _verify),
        (settings.rotate_key, _rotate_key),
        (settings.renew, _renew),
    )
    for chosen, command in commands:
        if chosen is not None:
            try:
                return command(chosen)
            except (ReleaseError, OSError) as error:
                report_failure("har store", error)
                return NOT_REACHED
    raise AssertionError("the command line accepts no other subcommand")


def signing_of(settings: SigningSettings) -> Signing:
    """Return the keys that the settings name, for signing."""
    if isinstance(settings, OfflineSigningSettings):
        secret = settings.passphrase.get_secret_value().encode() if settings.passphrase is not None else None
        return Signing(Keyring(settings.online_keys, settings.offline_keys, secret))
    return Signing(Keyring(settings.online_keys))


def _init(settings: InitSettings) -> int:
    signing = signing_of(settings)
    root = create_store(Storage(settings.store), signing, RootKeys(settings.root_keys, settings.root_keys_needed))
    trusted = settings.online_keys.parent / TRUSTED_ROOT
    write_whole(trusted, root, durable=True)
    print(f"created the store {settings.store}; it has no releases yet.")
    print(f"  {trusted}: copy it to every client, over a trusted channel.")
    print(f"  {settings.online_keys}: the online keys, to publish and roll back. `har store serve` needs them.")
    print(f"  {settings.offline_keys}: the offline keys, which authorise all other keys. Move them off this machine.")
    print("  They are needed to replace keys, and once a year for `har store renew`.")
    if settings.passphrase is None:
        print("  They are not encrypted, as no passphrase was given.")
    return REACHED


def _publish(settings: PublishSettings) -> int:
    pointer = publish(
        Storage(settings.store),
        signing_of(settings),
        open_release(settings.folder).folder,
        channel=settings.channel,
        share=settings.share,
        reason=settings.reason,
    )
    print(_format_change(pointer))
    return REACHED


def _promote(settings: PromoteSettings) -> int:
    print(_format_change(promote(Storage(settings.store), signing_of(settings), reason=settings.reason)))
    return REACHED


def _rollback(settings: RollbackSettings) -> int:
    pointer = rollback(
        Storage(settings.store),
        signing_of(settings),
        channel=settings.channel,
        to=settings.to,
        reason=settings.reason,
    )
    print(_format_change(pointer))
    return REACHED


def _list(settings: ListReleasesSettings) -> int:
    storage = Storage(settings.store)
    state = read_state(storage)
    found, past = pointers(storage, state), history(storage, state)
    manifests = [read_manifest(storage, state, name) for name in release_names(state)]
    if settings.json_output:
        releases = [{"release": item.release, "created": item.created, "network": item.network} for item in manifests]
        _print_json({"releases": releases, "channels": found, "history": past})
        return REACHED
    for manifest in manifests:
        channels = ", ".join(channel for channel, pointer in found.items() if pointer.release == manifest.release)
        print(f"{manifest.release:<40} {manifest.created}  {manifest.network:<10} {channels}".rstrip())
    if not manifests:
        print("no releases yet")
    for pointer in past:
        print(f"{pointer.at}  {_format_change(pointer)}")
    return REACHED


def _show(settings: ShowSettings) -> int:
    storage = Storage(settings.store)
    state = read_state(storage)
    if settings.json_output:
        _print_json(describe_release(storage, state, settings.release))
        return REACHED
    manifest, files = read_manifest(storage, state, settings.release), files_of(state, settings.release)
    print(f"{manifest.release}: {manifest.network}, created {manifest.created}")
    print(f"classes: {', '.join(manifest.classes)}; unknown below {manifest.decision_threshold:g}")
    if manifest.background is not None:
        kinds = ", ".join(f"{kind.name} ({kind.title})" for kind in manifest.background.kinds)
        share, least = manifest.background.largest_share, manifest.background.kind_threshold
        print(f"background: {kinds}; unknown above {share:g} in sum, a kind named from {least:g}")
    for protocol, scores in manifest.metrics.items():
        print(f"{protocol}: macro-F1 {scores.macro_f1:.3f}, accuracy {scores.accuracy:.3f}")
    for file in files:
        print(f"  {file.name:<24} {file.bytes:>9,} bytes  sha256 {file.sha256}")
    return REACHED


def _verify(settings: VerifySettings) -> int:
    storage = Storage(settings.store)
    findings = verify_store(storage)
    if settings.json_output:
        _print_json(findings)
        return NOT_REACHED if findings.faults else REACHED
    for fault in findings.faults:
        print(f"fault  {fault}")
    for note in findings.notes:
        print(f"note   {note}")
    for channel, release in findings.channels.items():
        print(f"{channel:<6} {release}")
    if findings.faults:
        print(f"{len(findings.faults)} fault(s)")
        return NOT_REACHED
    if findings.personal_heads:
        print(f"{findings.personal_heads} personal head(s), all as signed")
    role, expiry = min(expiries(read_state(storage)).items(), key=lambda item: item[1])
    print(f"{len(findings.releases)} release(s), all as signed; {role} expires at {expiry:%F %R} UTC")
    return REACHED


def _rotate_key(settings: RotateKeySettings) -> int:
    keyid = rotate_key(Storage(settings.store), signing_of(settings), settings.role, keyid=settings.key)
    print(f"replaced the key of {settings.role} by {keyid}; signatures of the old key are no longer valid")
    return REACHED


def _renew(settings: RenewSettings) -> int:
    renew(Storage(settings.store), signing_of(settings))
    print("renewed the signatures of root and targets")
    return REACHED


def _format_change(pointer: ChannelPointer) -> str:
    release = pointer.release or "no release"
    share = f" for {pointer.share:.0%} of the devices" if pointer.channel == CANARY and pointer.release else ""
    reason = f": {pointer.reason}" if pointer.reason else ""
    return f"{pointer.channel} {pointer.number}: {release}{share} ({pointer.change}, was {pointer.replaced}){reason}"


def _print_json(document: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
