"""The section `validate`: how much bad data may be set aside, and what counts as drift."""

from __future__ import annotations

from pydantic import Field

from tasks.params.config import Config, Share


class Drift(Config):
    """When data that differ from those last accepted are worth a warning. Drift never refuses a run.

    Differences of values are told when they are beyond these limits, and beyond chance as well: where nothing changed,
    at most one run in a hundred has such a warning.
    """

    enabled: bool = Field(True, description="compare with data/PIPELINE/accepted.json")
    ignore: tuple[str, ...] = Field((), description="columns whose values are not compared: they change, and may")
    distribution: Share = Field(
        0.1,
        description="share of rows that may lie elsewhere (total variation): 0.1 is a mean that moves by a quarter of "
        "the standard deviation",
    )
    missing: Share = Field(0.05, description="the missing share of a column may change by so much: 0.05 is 5 points")
    missing_ratio: float = Field(
        2.0, gt=1, description="and to so many times what it was, up or down, unless that is less than one point"
    )
    range: float = Field(0.1, ge=0, description="values may go beyond the accepted range by this share of its width")
    rows: float = Field(
        0.5, gt=0, le=1, description="least number of rows as a share of the usual; the most is as many times over"
    )
    new_category: Share = Field(0.0, description="share of rows that may hold categories never accepted before")


class Validate(Config):
    """How much bad data may be set aside before the run is refused. The suite is expectations/PIPELINE.json."""

    max_quarantined: Share = Field(0.05, description="largest share of rows that may fail critical expectations")
    drift: Drift = Drift()
