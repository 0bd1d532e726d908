"""What intervals and sets of classes keep on real rows: `python benchmarks/conformal.py --data FOLDER [SET ...]`.

Each set is split 20 times at random, three rows in five to learn from and one each for validation and test, and a cheap
model of scikit-learn's answers. Coverage, size and kinds are as stage evaluate works them out, at 90 %; MAPIE's scores
for classes are asked about the same probabilities. docs/decisions/0023-how-far-the-truth-lies.md has the figures.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.evaluation.conformal import conformal_rule
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.predictions import Predictions
from tasks.params.evaluate import Conformal
from tasks.tables.dataset import Column

NUM_SPLITS, COVERAGE, FEWEST_OF_KIND = 20, 0.9, 200


@dataclass(frozen=True, kw_only=True)
class RealSet:
    """Features [N, F], truth [N] (class numbers, or values), and the column by which kinds are told apart."""

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    kind: pl.Series | None = None
    is_of_classes: bool = True


def housing(folder: Path) -> RealSet:
    """California housing: 20,640 districts, by how far from the ocean."""
    rows = pl.read_csv(folder / "california-housing" / "housing.csv")
    kind = rows["ocean_proximity"]
    x = rows.drop("median_house_value", "ocean_proximity").to_numpy().astype(np.float64)
    x = np.column_stack([x, kind.rank("dense").to_numpy()])
    return RealSet(x=x, y=rows["median_house_value"].to_numpy().astype(np.float64), kind=kind, is_of_classes=False)


def bikes(folder: Path) -> RealSet:
    """Bike sharing by the hour: 17,379 hours, by weather."""
    rows = pl.read_csv(folder / "bike-sharing" / "hour.csv")
    x = rows.select(
        "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"
    )
    y = rows["cnt"].to_numpy().astype(np.float64)
    return RealSet(x=x.to_numpy(), y=y, kind=rows["weathersit"].cast(pl.String), is_of_classes=False)


def adult(folder: Path) -> RealSet:
    """Adult: 32,561 people, two classes, by race."""
    rows = pl.read_csv(folder / "adult" / "adult.data", has_header=False)
    rows = rows.with_columns(pl.col(pl.String).str.strip_chars()).drop_nulls()
    *features, income = rows.get_columns()
    x = np.column_stack([column.rank("dense").to_numpy() for column in features]).astype(np.float64)
    return RealSet(x=x, y=(income == ">50K").cast(pl.Int64).to_numpy(), kind=features[8])


def steel(folder: Path) -> RealSet:
    """Steel plates: 1,941 faults of seven classes."""
    rows = pl.read_csv(folder / "steel-faults" / "SteelPlatesFaults_Clean.csv").to_numpy().astype(np.float64)
    return RealSet(x=rows[:, :-7], y=rows[:, -7:].argmax(axis=1))


def digits(folder: Path) -> RealSet:
    """The 10,000 pictures of MNIST's test part, ten classes."""
    images, labels = (
        np.frombuffer(gzip.decompress(next((folder / "mnist").glob(f"t10k-{name}*")).read_bytes()), np.uint8)
        for name in ("images", "labels")
    )
    return RealSet(x=images[16:].reshape(-1, 784) / 255.0, y=labels[8:].astype(np.int64))


SETS: dict[str, Callable[[Path], RealSet]] = {
    "housing": housing,
    "bikes": bikes,
    "adult": adult,
    "steel": steel,
    "digits": digits,
}


def main() -> None:
    """Prints a table: of each set and way, means over the splits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []])
    arguments = parser.parse_args()
    heads = (
        "set",
        "way",
        "coverage %",
        "lowest",
        "size",
        "kinds of 200 rows",
        "worst of them %",
        "one class %",
        "empty %",
    )
    print(f"| {' | '.join(heads)} |")
    print("| --- " * 9 + "|", flush=True)
    for name in arguments.sets or SETS:
        real = SETS[name](arguments.data)
        results: dict[str, list[tuple[float, float, dict[str, float], float, float]]] = {}
        for seed in range(NUM_SPLITS):
            for way, result in _ways(real, seed):
                results.setdefault(way, []).append(result)
        for way, of_splits in results.items():
            print(_line(name, way, of_splits), flush=True)


def _line(name: str, way: str, of_splits: list[tuple[float, float, dict[str, float], float, float]]) -> str:
    shares = np.array([result[0] for result in of_splits])
    by_kind: dict[str, list[float]] = {}
    for result in of_splits:
        for kind, share in result[2].items():
            by_kind.setdefault(kind, []).append(share)
    means = {kind: 100 * float(np.mean(kinds)) for kind, kinds in by_kind.items() if len(kinds) >= NUM_SPLITS / 2}
    error = 100 * shares.std(ddof=1) / np.sqrt(len(shares))
    worst = min(means.items(), key=lambda item: item[1], default=("", np.nan))
    size, single, empty = (np.mean([result[place] for result in of_splits]) for place in (1, 3, 4))
    return (
        f"| {name} | {way} | {100 * shares.mean():.2f} ± {error:.2f} | {100 * shares.min():.1f} | {size:.4g} | "
        f"{len(means)} | {worst[1]:.1f} ({worst[0]}) | {100 * single:.1f} | {100 * empty:.1f} |"
    )


def _ways(real: RealSet, seed: int) -> Iterator[tuple[str, tuple[float, float, dict[str, float], float, float]]]:
    order = np.random.default_rng(seed).permutation(len(real.y))
    first, second = 3 * len(order) // 5, 4 * len(order) // 5
    train, validation, test = order[:first], order[first:second], order[second:]
    model = _fitted(real, train, seed)
    answers = model.predict_proba(real.x) if real.is_of_classes else model.predict(real.x)
    names = tuple(map(str, range(answers.shape[1]))) if real.is_of_classes else ()
    rows = [
        JudgedRows(classes=names, predictions=Predictions(y_true=real.y[part], y_score=answers[part]))
        for part in (validation, test)
    ]
    kinds = real.y[test].astype(str) if real.kind is None else real.kind.to_numpy()[test]
    column = Column(name="kind", type="category", role="feature")
    for by in (None, "class" if real.is_of_classes else "answer", *(["kind"] if real.kind is not None else [])):
        values = (
            [real.kind[part.tolist()] for part in (validation, test)]
            if by == "kind" and real.kind is not None
            else None
        )
        rule = conformal_rule(
            Conformal(coverage=COVERAGE, by=by), rows[0], column if values else None, values[0] if values else None
        )
        truth, score, own = real.y[test], answers[test], values[1] if values else None
        shown = kinds
        if by == "class":
            shown = truth.astype(str)
        elif by == "answer":
            shown = np.array([f"fifth {number + 1}" for number in rule.kind_numbers(score)])
        if real.is_of_classes:
            yield f"LAC, by {by}", _of_sets(rule.sets(score, own), truth, shown)
        else:
            low, high = rule.interval(score, own)
            yield f"by {by}", _result((low <= truth) & (truth <= high), high - low, shown, 0, 0)
            if by is None:
                # The fifths of the answers, which nobody looked at.
                fifths = np.digitize(score, np.quantile(score, [0.2, 0.4, 0.6, 0.8])) + 1
                yield "by None, seen by fifths", _result((low <= truth) & (truth <= high), high - low, fifths, 0, 0)
    if real.is_of_classes:
        # Of two classes MAPIE has LAC alone.
        for score in ("lac", *(("aps", "raps") if len(names) > 2 else ())):
            yield f"MAPIE {score}", _of_sets(_by_mapie(model, real, validation, test, score, seed), real.y[test], kinds)


def _fitted(real: RealSet, train: np.ndarray[Any, Any], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not real.is_of_classes:
        return HistGradientBoostingRegressor(max_iter=60, random_state=seed).fit(real.x[train], real.y[train])
    if len(real.y) > 20_000:
        return HistGradientBoostingClassifier(max_iter=60, random_state=seed).fit(real.x[train], real.y[train])
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=60))
    return scaled.fit(real.x[train], real.y[train])


def _by_mapie(model: Any, real: RealSet, validation: Any, test: Any, score: str, seed: int) -> np.ndarray[Any, Any]:
    from mapie.classification import SplitConformalClassifier

    ask = SplitConformalClassifier(
        model, confidence_level=COVERAGE, conformity_score=score, prefit=True, random_state=seed
    )
    ask.conformalize(real.x[validation], real.y[validation])
    sets: np.ndarray[Any, Any] = ask.predict_set(real.x[test])[1][:, :, 0]
    return sets


def _of_sets(sets: Any, truth: Any, kinds: Any) -> tuple[float, float, dict[str, float], float, float]:
    sizes = sets.sum(axis=1)
    return _result(
        sets[np.arange(len(truth)), truth], sizes, kinds, float((sizes == 1).mean()), float((sizes == 0).mean())
    )


def _result(is_within: Any, sizes: Any, kinds: Any, single: float, empty: float) -> Any:
    shares = {
        str(kind): float(is_within[kinds == kind].mean())
        for kind in np.unique(kinds)
        if (kinds == kind).sum() >= FEWEST_OF_KIND
    }
    return float(is_within.mean()), float(sizes.mean()), shares, single, empty


if __name__ == "__main__":
    main()
