"""The test rows as they came, those that clean kept: what any version may be asked, whatever its own repairs are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks import files
from tasks.errors import UserError
from tasks.paths import Paths
from tasks.tables import storage
from tasks.wording import counted


def raw_test_rows(paths: Paths, target: str) -> Iterator[pl.DataFrame]:
    """The rows of clean/test/ in their order, as split/test/ has them, without the target; part by part.

    As they came, and not as clean left them: what clean learnt for today's model, such as spellings and bounds, would
    reach another version as values that it has never met. Raises UserError when the two tables do not belong together.
    """
    taken = files.read_json(paths.cleaning_report).get("test_rows_taken", [])
    start = num_kept = 0
    for part in storage.read_parts(paths.split("test")):
        numbers = np.arange(start, start + part.height)
        # Without the target: what a version answers must not depend on it, whatever columns it was trained with.
        rows = part.filter(~np.isin(numbers, taken)).drop(target)
        yield rows
        start, num_kept = start + part.height, num_kept + rows.height
    num_rows = storage.count_rows(paths.clean("test"))
    if num_kept != num_rows:
        raise UserError(
            f"{paths.relative(paths.clean('test'))} has {counted(num_rows, 'row')}, and {num_kept:,} of "
            f"{paths.relative(paths.split('test'))} were kept; run `modelwright run {paths.pipeline} --from clean`"
        )
