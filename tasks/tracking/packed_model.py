"""What a registered version holds, looked at before it is believed: whoever can write to a registry wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.errors import UserError

_LARGEST = 16 << 20
"""Bytes of an MLmodel; a signature of ten thousand columns takes one of these MiB."""
_ANOTHER = "give a version that stage register made"


def model_within(packed: Path, shown: str) -> Path:
    """The model's own folder in the one that MLflow keeps: it lies inside, and holds nothing but files and folders.

    Raises UserError when it does not, or there is none.
    """
    place = _place(_mlmodel(packed / "MLmodel", shown), shown)
    folder = packed / place
    # Resolved, as a folder on the way may be a link.
    if "\0" in place or packed.resolve() not in folder.resolve().parents or not folder.is_dir():
        raise UserError(f"{shown}: its MLmodel names {place!r}, and no folder inside of the version; {_ANOTHER}")
    for path in folder.rglob("*"):
        # A link brings in any file of this machine, and a pipe is waited for without an end.
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UserError(f"{shown}: {path.relative_to(packed)} is a link or a device, and no file; {_ANOTHER}")
    return folder


def asked_columns(packed: Path, shown: str) -> list[str]:
    """The columns that raw rows must have for the model to answer, by the signature that it was registered with."""
    return [str(column["name"]) for column in _inputs(packed, shown) if column.get("required", True)]


def optional_columns(packed: Path, shown: str) -> list[str]:
    """The columns that raw rows may have besides, by which intervals or sets of classes are those of the row's kind."""
    return [str(column["name"]) for column in _inputs(packed, shown) if not column.get("required", True)]


def _inputs(packed: Path, shown: str) -> list[dict[str, Any]]:
    match _mlmodel(packed / "MLmodel", shown):
        case {"signature": {"inputs": str(inputs)}}:
            return list(json.loads(inputs))
        case _:
            raise UserError(f"{shown} was not registered by Modelwright; {_ANOTHER}")


def _place(content: Any, shown: str) -> str:
    match content:
        case {"flavors": {"python_function": {"artifacts": {"model": {"path": str(place)}}}}}:
            return place
        case _:
            raise UserError(f"{shown} was not registered by Modelwright; {_ANOTHER}")


def _mlmodel(path: Path, shown: str) -> Any:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return YAML(typ="safe").load(file.read(_LARGEST).decode())
    # Brackets in brackets by the thousand: the reader calls itself for each.
    except (YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{shown}: its MLmodel is damaged ({type(error).__name__}); {_ANOTHER}") from None
