"""How good the networks for pictures and sounds are: `python benchmarks/quality_media.py --data FOLDER [SET ...]`.

Each fold is given to a fresh project as a folder of training files and one of test files, a folder a class in each;
`modelwright init`, `run --plain` and `predict` do the rest, with nothing set by hand. Test files answer once, at the
end, and decide nothing. A line a set is printed as soon as it is done; docs/quality.md has them with their machine.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from quality_command import command, parser
from quality_media_sets import SETS, Files, MediaSet


@dataclass(frozen=True, kw_only=True)
class _Result:
    """Of one fold and seed: share of test files that were right, mean log loss, and what init, run and predict took."""

    accuracy: float
    log_loss: float
    processor_seconds: float


def main() -> None:
    """Prints the table."""
    arguments = parser(__doc__, SETS, 1).parse_args()
    print("| set | split | folds | seeds | accuracy | lowest | log loss | processor seconds a fold |")
    print("| --- " * 8 + "|", flush=True)
    for name in arguments.sets or SETS:
        media = SETS[name]
        print(_line(media, list(_results(media, arguments)), arguments.seeds), flush=True)


def _line(media: MediaSet, results: Sequence[_Result], num_seeds: int) -> str:
    accuracies = [result.accuracy for result in results]
    return (
        f"| {media.name} | {media.split} | {len(results) // num_seeds} | {num_seeds} | "
        f"{statistics.fmean(accuracies):.4f} | {min(accuracies):.4f} | "
        f"{statistics.fmean(result.log_loss for result in results):.3f} | "
        f"{statistics.fmean(result.processor_seconds for result in results):,.0f} |"
    )


def _results(media: MediaSet, arguments: argparse.Namespace) -> Iterator[_Result]:
    for number, (train, test) in enumerate(media.read(arguments.data / media.folder)):
        if number == arguments.folds:
            return
        for seed in range(arguments.seeds):
            result = _by_modelwright(train, test, seed, arguments.init)
            # To stderr, so that the table stays one: trainings take minutes, and a fold says something by itself.
            print(f"{media.name}, fold {number + 1}, seed {seed}: {result}", file=sys.stderr, flush=True)
            yield result


def _by_modelwright(train: Files, test: Files, seed: int, init: Sequence[str]) -> _Result:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        before = _processor_seconds()
        command(Path(temporary), "new", str(folder))
        _write(folder / "train", train)
        _write(folder / "test", test)
        command(folder, "init", "media", "train", "--test", "test", "--set", f"train.seed={seed}", *init)
        command(folder, "run", "media", "--plain")
        command(folder, "predict", "media:1", "test", "--out", "answers.parquet")
        answers = pl.read_parquet(folder / "answers.parquet")
        return _scored(answers, len(test), _processor_seconds() - before)


def _scored(answers: pl.DataFrame, num_files: int, seconds: float) -> _Result:
    # A file that is not answered would have to count as wrong.
    if answers.height != num_files:
        raise SystemExit(f"{num_files - answers.height} of {num_files} test files are not answered")
    truth = answers["file"].str.split("/").list.first()
    classes = [name for name in answers.columns if name.startswith("probability_")]
    probabilities = answers.select(classes).to_numpy()
    own = [classes.index(f"probability_{name}") for name in truth]
    return _Result(
        accuracy=float((answers["prediction"].cast(pl.String) == truth).mean()),  # type: ignore[arg-type]
        log_loss=float(-np.log(probabilities[np.arange(num_files), own].clip(1e-15)).mean()),
        processor_seconds=seconds,
    )


def _write(folder: Path, files: Files) -> None:
    for label, name, content in files:
        file = folder / label / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _processor_seconds() -> float:
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
