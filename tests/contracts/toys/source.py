"""A toy source: loud words are of one class, quiet ones of the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.sources.base import Place, Source


class ToyRows(Source):
    kind = "toy"
    location = "made up"

    def __init__(self, config: Any, place: Place) -> None:
        self._num_rows = config.num_rows

    def parts(self) -> Iterator[pl.DataFrame]:
        numbers = range(self._num_rows)
        words = [f"word {number}{'!' * (3 * (number % 2))}" for number in numbers]
        yield pl.DataFrame({"word": words, "mood": [("calm", "excited")[number % 2] for number in numbers]})

    def digest(self) -> str:
        return f"{self._num_rows:064x}"

    def watched(self) -> list[Path] | None:
        return []
