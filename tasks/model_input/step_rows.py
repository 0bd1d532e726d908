"""Which rows of a step are to be changed at random, by whoever has to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class StepRows:
    """Rows of a step, `own`, of which the changes are wanted.

    Draws are made for all rows of the step, so that a row is changed alike whoever has it: one process, or one of
    several that each change their own.
    """

    own: slice = field(default_factory=lambda: slice(None))


ALL = StepRows()
"""A batch that nobody shares."""
