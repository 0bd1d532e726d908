"""Where the rows of one fold lie while trials are judged on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.paths import Paths


@dataclass(frozen=True, kw_only=True)
class TrialPaths(Paths):
    """A small pipeline in a folder of its own, from clean to augment; its test rows are what a trial is judged on.

    The project is the real one: networks, functions and weights that a setting names are found from there.
    """

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder

    @property
    def reports(self) -> Path:
        return self.folder / "reports"
