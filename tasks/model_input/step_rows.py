"""Which rows of a step are to be changed at random, by whoever has to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class StepRows:
    """Rows of a step, `own`, of which the changes are wanted.

    Draws are made for all rows of the step, so that a row is changed alike whoever has it: one process, or one of
    several that each change their own. Changes that go by the epoch and not by chance ask for the `numbers` of all
    rows of the step among the training rows, [N], and by `seed` which row begins how; without numbers there is no
    epoch.
    """

    own: slice = field(default_factory=lambda: slice(None))
    numbers: NDArray[np.int64] | None = None
    epoch: int = 0
    seed: int = 0


ALL = StepRows()
"""A batch that nobody shares."""
