"""Which folder is the project."""

from __future__ import annotations

import re
from pathlib import Path

from tasks.environment import installed_version, is_installed, is_later
from tasks.errors import UserError
from tasks.paths import CODE_RECORD


def find_root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one, from `start` upwards, that holds params.yaml or dvc.yaml.

    Raises UserError when there is none, or it is of a newer version of the tool: this one would misread its settings.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file() or (folder / "dvc.yaml").is_file():
            _check_is_not_newer(folder / CODE_RECORD)
            return folder
    raise UserError(f"{start}: neither here nor above is a params.yaml; change to the project's folder")


def _check_is_not_newer(record: Path) -> None:
    if not record.is_file():
        return
    # One that is damaged is said by whoever reads more of it.
    version = re.search(r'"modelwright": "([\w.+!-]{1,100})"', record.read_text(encoding="utf-8", errors="replace"))
    # In nearly all projects, and quick to say.
    if version is None or is_installed("modelwright", version[1]):
        return
    installed = installed_version("modelwright")
    if installed and is_later(version[1], installed):
        raise UserError(
            f"{record}: the project is of Modelwright {version[1]}, and {installed} is installed, which is older; "
            f"install {version[1]}, or go back to the project's commit of before its upgrade"
        )
