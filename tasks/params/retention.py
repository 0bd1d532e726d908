"""The section `retention`: for how long a pipeline's versions and runs are kept."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from tasks.params.config import Config

MOST_DAYS = 36_500
"""A hundred years: days of which there is no date end a call by a traceback. Null keeps for good."""


class Retention(Config):
    """What `modelwright gc` may remove of a pipeline, once nothing needs it; no stage reads it. See
    [operate.md](operate.md#what-is-kept-and-for-how-long). Answers and labels have `monitor.retention_days`."""

    versions_days: int | None = Field(
        None,
        ge=1,
        le=MOST_DAYS,
        description="registered versions may go after so many days without an alias and without an answer; never when "
        "null",
    )
    last_versions: int = Field(5, ge=0, description="the newest versions, which stay whatever their age")
    runs_days: int | None = Field(
        90,
        ge=1,
        le=MOST_DAYS,
        description="runs of MLflow that came to no version may go after so many days, and Prefect's own under "
        "`modelwright up`; never when null",
    )
    last_runs: int = Field(20, ge=0, description="the newest runs of MLflow, which stay whatever their age")


def longest_days(retentions: Iterable[Retention]) -> int | None:
    """For how many days what no single pipeline owns is kept: as long as the one that keeps its runs longest asks.

    None, which is for good, where one of them never lets its runs go.
    """
    days = [retention.runs_days for retention in retentions] or [Retention().runs_days]
    return None if None in days else max(one for one in days if one is not None)
