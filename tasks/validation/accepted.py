"""data/PIPELINE/accepted.json: what the data looked like that last passed; kept by DVC, as the data are.

The stage `validate` both reads the file and rewrites it. So that the same data leave the same bytes, the file
keeps what was accepted before as well: data that are accepted already are compared with that, as the first time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tasks import files
from tasks.errors import UserError
from tasks.params.config import Config
from tasks.validation.data_profile import DataProfile

NUM_REMEMBERED = 20
"""Row counts that say what is usual."""


class Accepted(Config):
    """The file's content."""

    version: Literal[1] = 1
    accepted: DataProfile | None = None
    previous: DataProfile | None = None
    num_rows_history: tuple[int, ...] = ()

    def before(self, digest: str) -> Accepted:
        """As it was before the data with this digest were accepted."""
        if self.accepted is None or self.accepted.digest != digest:
            return self
        # The last row count is that of these very data.
        return Accepted(accepted=self.previous, num_rows_history=self.num_rows_history[:-1])

    def after(self, profile: DataProfile) -> Accepted:
        """With this data accepted; unchanged when it is already."""
        before = self.before(profile.digest)
        history = (*before.num_rows_history, profile.num_rows)[-NUM_REMEMBERED:]
        if before is not self:
            history = (*self.num_rows_history[:-1], profile.num_rows)
        return Accepted(accepted=profile, previous=before.accepted, num_rows_history=history)


def read_accepted(*places: Path) -> Accepted:
    """What was accepted, from the first of the places that there is. Raises UserError when the file is damaged."""
    path = next((place for place in places if place.exists()), None)
    if path is None:
        return Accepted()
    # Without `read_json`: validate makes this file, and needs it, so that running the stage again is no cure.
    try:
        return Accepted.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, IsADirectoryError):
        raise UserError(
            f"{path}: damaged, not as validate writes it; take the last one back (`dvc checkout --force {path}`), or "
            "remove it: then nothing is accepted, and the next data are compared with none"
        ) from None


def write_accepted(path: Path, accepted: Accepted) -> None:
    """Writes the file anew: it may be a link into DVC's cache."""
    files.write_json(path, accepted.model_dump(mode="json"))
