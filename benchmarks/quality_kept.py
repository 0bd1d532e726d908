"""Answers of trainings that benchmarks/quality.py made, kept in a folder so that none is made twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from quality_peers import Answers


def kept(folder: Path | None, names: Sequence[str], make: Callable[[], Answers]) -> Answers:
    """The answers that lie in the folder under these names, or those that are made, timed and put there now."""
    path = None if folder is None else folder / ("-".join(names) + ".parquet")
    if path is not None and path.exists():
        return _read(path)
    began = time.perf_counter()
    made = replace(make(), seconds=time.perf_counter() - began)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(made, path)
    return made


def _read(path: Path) -> Answers:
    rows = pl.read_parquet(path)
    scores = rows["score"].to_numpy() if "score" in rows.columns else None
    return Answers(answers=rows["answer"].to_numpy(), scores=scores, seconds=rows["seconds"][0])


def _write(answers: Answers, path: Path) -> None:
    rows = pl.DataFrame({"answer": answers.answers}).with_columns(seconds=pl.lit(answers.seconds))
    if answers.scores is not None:
        rows = rows.with_columns(score=pl.Series(answers.scores))
    unfinished = path.with_suffix(".unfinished")
    rows.write_parquet(unfinished)
    unfinished.rename(path)
