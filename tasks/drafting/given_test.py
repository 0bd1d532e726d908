"""Whether the rows that are given for the test are new ones: by rows that are learnt from nothing is tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.drafting.findings import Finding
from tasks.drafting.inspection import Inspection
from tasks.drafting.labels import equal_by_chance
from tasks.drafting.sketches import MAX_HASHED
from tasks.splitting.given import parts_named


def find_known(
    inspection: Inspection, findings: Sequence[Finding], features: Sequence[str], target: str
) -> list[Finding]:
    """A warning where each test row stands among the others as well, by its features and the target.

    Rows of few values are the same by chance. Pictures and sounds are too large to be read once more for this, and of
    very many rows it is not looked at.
    """
    facts, names = inspection.facts, [*features, target]
    parts_by = inspection.split_column or next((one.columns[0] for one in findings if one.role == "split"), None)
    if parts_by is None or facts.num_rows > MAX_HASHED or any(map(facts.is_media, features)):
        return []
    hashes: dict[bool, list[pl.Series]] = {True: [], False: []}
    for rows in inspection.rows.parts():
        # By place: polars takes a name such as `*` for all columns.
        cells = [pl.nth(rows.columns.index(name)).hash(seed=seed) for seed, name in enumerate(names)]
        of_rows = rows.select(pl.sum_horizontal(cells))
        is_test = (parts_named(rows[parts_by]) == "test").fill_null(value=False)
        for part, own in hashes.items():
            own.append(of_rows.to_series().filter(is_test if part else ~is_test))
    test, others = (np.concatenate([own.to_numpy() for own in hashes[part]]) for part in (True, False))
    if not len(test) or not np.isin(test, others).all() or equal_by_chance(facts, features, target):
        return []
    message = (
        f"all {len(test):,} test rows stand among the other rows as well, so scores on them would say nothing of new "
        "rows; give others for the test."
    )
    return [Finding(kind="known_test_rows", columns=(), message=message)]
