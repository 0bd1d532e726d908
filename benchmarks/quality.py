"""How good the models are that `init` picks: `python benchmarks/quality.py --data FOLDER [SET ...]`.

Each set of quality_sets.py is given to a fresh project as files of training rows and of test rows; `modelwright init`,
`run --plain` and `predict` do the rest, with nothing set by hand. Peers (quality_peers.py) learn from the same training
rows; all are scored by scikit-learn on the same test rows, with three seeds. No test row decides anything. A line a set
is printed as soon as it is done, and at the end, a peer each, on how many sets we are ahead and the geometric mean of
the ratio of errors; results with their machine stand in docs/benchmarks.md, what they say in
docs/quality.md.

All of it takes a day. `--keep FOLDER` writes down the answers of each training, which a later call takes up instead of
training again: a benchmark that was stopped goes on, and more seeds are added to those that are there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from quality_command import command, parser
from quality_kept import kept
from quality_peers import Answers, Peer, autogluon, lightgbm, scikit_learn
from quality_sets import SETS, TARGET, Frames, QualitySet, higher_is_better, metric_of

from tasks.params.config import Metric

OURS = "modelwright"
_DRAWS = 500
"""Of test rows, for the standard error of a difference."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Of a set by one metric: the line of the table, and each model's error, 1 - metric where more is better."""

    text: str
    errors: dict[str, float]


def main() -> None:
    """Prints the table."""
    arguments = _parser().parse_args()
    peers: dict[str, Peer] = {"LightGBM": lightgbm, "scikit-learn": scikit_learn}
    if arguments.autogluon:
        peers["AutoGluon"] = autogluon(arguments.autogluon, arguments.seconds)
    print(f"| set | split | metric | {OURS} | {' | '.join(peers)} | best peer's gain over us | minutes a fit |")
    print("| --- " * (6 + len(peers)) + "|", flush=True)
    firsts = []
    for name in arguments.sets or SETS:
        lines = _lines(SETS[name], arguments.data / name, peers, arguments)
        print("\n".join(line.text for line in lines), flush=True)
        firsts.append(lines[0])
    for peer in peers:
        print(_over_sets(firsts, peer))


def _parser() -> argparse.ArgumentParser:
    made = parser(__doc__, SETS, 3)
    made.add_argument("--autogluon", type=Path, help="a Python that has AutoGluon")
    made.add_argument("--seconds", type=int, default=180, help="that AutoGluon has for a fit (180)")
    made.add_argument("--keep", type=Path, help="answers of the same other arguments, not made again where they lie")
    return made


def _lines(quality: QualitySet, folder: Path, peers: dict[str, Peer], arguments: argparse.Namespace) -> list[_Line]:
    folds, seeds = list(quality.read(folder))[: arguments.folds], range(arguments.seeds)

    def by(name: str, peer: Peer) -> list[list[Answers]]:
        return [
            [
                kept(arguments.keep, (quality.name, name, str(seed), str(number)), partial(peer, quality, *fold, seed))
                for number, fold in enumerate(folds)
            ]
            for seed in seeds
        ]

    ours = by(OURS, partial(_by_modelwright, init=arguments.init))
    minutes = statistics.median(answers.seconds for training in ours for answers in training) / 60
    others = {name: by(name, peer) for name, peer in peers.items()}
    return [_line(quality, metric, folds, ours, others, minutes) for metric in quality.metrics]


def _line(
    quality: QualitySet,
    metric: str,
    folds: Sequence[Frames],
    ours: Sequence[Sequence[Answers]],
    others: dict[str, list[list[Answers]]],
    minutes: float,
) -> _Line:
    sign = 1 if higher_is_better(metric) else -1
    scores = {
        name: [_score(quality, metric, folds, answers) for answers in trainings]
        for name, trainings in {OURS: ours, **others}.items()
    }
    medians = {name: statistics.median(values) for name, values in scores.items()}
    best = max(others, key=lambda name: sign * medians[name])
    gain = sign * (medians[best] - medians[OURS])
    of_median = {name: int(np.argsort(values)[len(values) // 2]) for name, values in scores.items()}
    error = _standard_error(quality, metric, folds, ours[of_median[OURS]], others[best][of_median[best]])
    digits = 0 if medians[OURS] > 1_000 else 4
    figures = " | ".join(f"{medians[name]:,.{digits}f}" for name in (OURS, *others))
    text = (
        f"| {quality.name} | {quality.split} | {metric} | {figures} | {best} {gain:+,.{digits}f} "
        f"({error:,.{digits}f}) | {minutes:.1f} |"
    )
    errors = {name: 1 - median if higher_is_better(metric) else median for name, median in medians.items()}
    return _Line(text=text, errors=errors)


def _over_sets(lines: Sequence[_Line], peer: str) -> str:
    """On how many sets we are ahead of a peer by their first metric, and how large our errors are beside its."""
    ratios = [line.errors[OURS] / line.errors[peer] for line in lines]
    ahead = sum(ratio < 1 for ratio in ratios)
    mean = statistics.geometric_mean(ratios)
    return f"{peer}: behind us on {ahead} of {len(ratios)} sets; our error over its {mean:.3f}"


def _score(quality: QualitySet, metric: str, folds: Sequence[Frames], answers: Sequence[Answers]) -> float:
    """The mean over the folds."""
    return statistics.fmean(
        _on_rows(quality, metric, test, given, np.arange(test.height))
        for (_, test), given in zip(folds, answers, strict=True)
    )


def _on_rows(quality: QualitySet, metric: str, test: pl.DataFrame, given: Answers, rows: Any) -> float:
    truth = test[TARGET].to_numpy() if quality.is_regression else test[TARGET].cast(pl.String).to_numpy()
    scores = None if given.scores is None else given.scores[rows]
    return metric_of(metric, quality.positive)(truth[rows], given.answers[rows], scores)


def _standard_error(
    quality: QualitySet, metric: str, folds: Sequence[Frames], ours: Sequence[Answers], theirs: Sequence[Answers]
) -> float:
    """Of the difference, as the same test rows are drawn again and again, in each fold."""
    random = np.random.default_rng(0)
    differences = np.zeros((_DRAWS, len(folds)))
    for number, (_, test) in enumerate(folds):
        for draw in range(_DRAWS):
            rows = random.integers(0, test.height, test.height)
            one, other = (_on_rows(quality, metric, test, given[number], rows) for given in (ours, theirs))
            differences[draw, number] = other - one
    return float(differences.mean(axis=1).std(ddof=1))


def _by_modelwright(
    quality: QualitySet, train: pl.DataFrame, test: pl.DataFrame, seed: int, init: Sequence[str]
) -> Answers:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        command(Path(temporary), "new", str(folder))
        train.write_csv(folder / "train.csv")
        test.write_csv(folder / "test.csv")
        settings = ["--target", TARGET, "--test", "test.csv", "--set", f"train.seed={seed}", *_metric(quality), *init]
        command(folder, "init", "quality", "train.csv", *settings)
        command(folder, "run", "quality", "--plain")
        command(folder, "predict", "quality:1", "test.csv", "--out", "answers.parquet")
        answers = pl.read_parquet(folder / "answers.parquet")
    # Rows are numbered from 1; one that is not answered would have to count as wrong.
    if answers["row"].to_list() != list(range(1, test.height + 1)):
        raise SystemExit(f"{quality.name}: {test.height - answers.height} of {test.height} test rows are not answered")
    scores = answers[f"probability_{quality.positive}"].to_numpy() if quality.positive else None
    return Answers(answers=answers["prediction"].to_numpy(), scores=scores)


def _metric(quality: QualitySet) -> list[str]:
    """`init` is told what the set is judged by, where it knows that."""
    name = {"f1_macro": "f1"}.get(quality.metrics[0], quality.metrics[0])
    return ["--metric", name] if name in get_args(Metric) else []


if __name__ == "__main__":
    main()
