from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.drafting.inspection import inspect_source
from tasks.drafting.location import point
from tasks.drafting.trial_rows import trial_rows
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.sources.base import Place
from tasks.tables import storage
from tests.drafting.small_tables import init, noise


def test_each_fold_is_encoded_by_what_the_other_folds_say(tmp_path: Path) -> None:
    rows = noise().with_columns(id=pl.int_range(pl.len()).cast(pl.String))
    init(tmp_path, rows, target="outcome", dry_run=False)
    config = load_pipeline(tmp_path / "params.yaml", "mine")
    place = Place(root=tmp_path, downloads=tmp_path)
    inspection = inspect_source(point(str(tmp_path / "rows.csv"), tmp_path, None), place)
    paths = Project(root=tmp_path / "scratch").pipeline("rows")
    divided = trial_rows(config, inspection, paths)
    assert divided.num_rows == storage.count_rows(paths.clean("train"))
    folds = divided.encoded(config, "one")
    assert sum(storage.count_rows(fold.normalized("test")) for fold in folds) == divided.num_rows
    for fold in folds:
        judged, learnt = (storage.count_rows(fold.normalized(part)) for part in ("test", "train"))
        assert judged + learnt == divided.num_rows
        assert storage.count_rows(fold.augmented) == learnt
    # Twice from the same rows, and neither changes what the other reads.
    again = divided.encoded(config, "two")
    assert [fold.recipe.read_bytes() for fold in folds] == [fold.recipe.read_bytes() for fold in again]
