"""The kind of a settings field on the command line: an option, a positional argument or a subcommand."""

import types
import typing

from pydantic.fields import FieldInfo

from har.process.settings import ServiceSettings


def summary_of(settings: type[ServiceSettings]) -> str:
    """Return the first line of a settings class without the command's name: what the command does."""
    return (settings.__doc__ or "").strip().splitlines()[0].split("`: ", 1)[-1]


def is_subcommand(info: FieldInfo) -> bool:
    """Return whether a field holds the settings of a subcommand."""
    return any(getattr(item, "__name__", "") == "_CliSubCommand" for item in info.metadata)


def is_positional(info: FieldInfo) -> bool:
    """Return whether a field is a positional argument."""
    return any(getattr(item, "__name__", "") == "_CliPositionalArg" for item in info.metadata)


def subcommand(info: FieldInfo) -> type[ServiceSettings]:
    """Return the settings class of a subcommand."""
    found = value_type(info.annotation)
    assert isinstance(found, type)
    assert issubclass(found, ServiceSettings)
    return found


def value_type(annotation: object) -> object:
    """Return the type of one value: without None, without annotations, and of a list that of its items."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return value_type(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return value_type(next(each for each in typing.get_args(annotation) if each is not type(None)))
    if origin is list:
        return value_type(typing.get_args(annotation)[0])
    return annotation


def argument_name(settings: type[ServiceSettings], path: tuple[int | str, ...]) -> str:
    """Return how a person writes an argument: ``--tls-key`` or, for a positional argument, ``SHELL``.

    Parameters
    ----------
    settings : type of ServiceSettings
        The settings of the command.
    path : tuple of (int or str)
        Names of fields from the command to the value, as a validation error has them; empty if the error is about
        the command as a whole.
    """
    if not path:
        return ""
    info = settings.model_fields.get(str(path[0]))
    if info is not None and is_subcommand(info) and len(path) > 1:
        return argument_name(subcommand(info), path[1:])
    if info is not None and is_positional(info):
        return str(path[0]).upper()
    fields = [name for name in map(str, path) if name.isidentifier() or name.isdecimal()]  # not the kinds of a union
    return "--" + ".".join(fields).replace("_", "-")


def fields_with_options(settings: type[ServiceSettings]) -> dict[str, str]:
    """Return the option of each field of a command and its subcommands that has one, such as ``--tls-key``."""
    found: dict[str, str] = {}
    for name, info in settings.model_fields.items():
        if is_subcommand(info):
            found |= fields_with_options(subcommand(info))
        elif not is_positional(info):
            found[name] = argument_name(settings, (name,))
    return found
