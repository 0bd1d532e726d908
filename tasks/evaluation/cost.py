"""What a model costs whoever keeps it."""

from __future__ import annotations

from tasks.measures import Measure
from tasks.paths import Paths

_MIB = 2**20


def size_of_model(paths: Paths) -> Measure:
    """How large its files are, in MiB."""
    return Measure(value=sum(file.stat().st_size for file in paths.model.rglob("*") if file.is_file()) / _MIB)
