"""The section `schedule`: when the flows of a pipeline run by themselves."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tasks.errors import did_you_mean
from tasks.params.config import Config

FlowName = Literal["training", "scoring", "monitoring"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class RunSchedule(Config):
    """When a flow of the pipeline runs by itself, where `modelwright schedule` or a worker of Prefect's is at work; no
    stage reads it. One mapping, or a list of them for several flows. See [working.md](working.md#schedules)."""

    cron: str | None = Field(
        None, description="minute, hour, day of the month, month and day of the week, such as `0 3 * * *`"
    )
    interval: str | None = Field(
        None,
        description="how far apart, such as 90m, 6h or 1d, counted from midnight of 1 January 2024",
    )
    timezone: str = Field("Etc/UTC", description="of cron and of midnight, such as Europe/Berlin, with its summer time")
    flow: FlowName = Field(
        "training", description="what runs: all stages, rows answered by the model, or a look at its answers"
    )
    source: str | None = Field(None, min_length=1, description="scoring: the rows, as `modelwright predict` takes them")
    out: str | None = Field(None, min_length=1, description="scoring: where answers go, as `predict --out` takes it")

    @property
    def seconds(self) -> float | None:
        """How far apart two runs are; None where cron says when."""
        if self.interval is None:
            return None
        return timedelta(**{_UNITS[self.interval[-1]]: int(self.interval[:-1])}).total_seconds()

    @field_validator("interval")
    @classmethod
    def _is_a_time(cls, interval: str | None) -> str | None:
        if interval is not None and re.fullmatch("[1-9][0-9]{0,3}[mhd]", interval) is None:
            raise ValueError("write a whole number and m, h or d, for minutes, hours or days, such as 90m, 6h or 1d")
        return interval

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        # A name with .. in it is a ValueError, and that of a folder an OSError.
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = zoneinfo.available_timezones()
            nearest = did_you_mean(name, known)
            cure = nearest if "did you mean" in nearest else "; write it like Europe/Berlin or Etc/UTC"
            raise ValueError(f"there is no such timezone{cure}") from None
        return name

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            from cronsim import CronSim, CronSimError

            cure = "write minute, hour, day of the month, month and day of the week, such as 0 3 * * * for 03:00"
            # A sixth field would be seconds or a year, and the libraries disagree which.
            if len(cron.split()) != 5:
                raise ValueError(f"has {len(cron.split())} fields, and cron has five; {cure}")
            try:
                CronSim(cron, datetime.now(UTC))
            except CronSimError as error:
                raise ValueError(f"is no cron: {error}; {cure}") from None
        return cron

    @model_validator(mode="after")
    def _says_when_once(self) -> RunSchedule:
        if (self.cron is None) == (self.interval is None):
            raise ValueError("give cron or interval, one of the two, such as `cron: 0 3 * * *` or `interval: 6h`")
        return self

    @model_validator(mode="after")
    def _scoring_has_rows(self) -> RunSchedule:
        given = [name for name in ("source", "out") if getattr(self, name) is not None]
        if self.flow == "scoring" and len(given) < 2:
            raise ValueError("flow scoring needs `source`, the rows to answer, and `out`, where the answers go")
        if self.flow != "scoring" and given:
            raise ValueError(f"{given[0]} is of flow scoring, and the flow is {self.flow}; take it out")
        return self


def _as_list(schedule: Any) -> Any:
    """One mapping is a list of one."""
    return (schedule,) if isinstance(schedule, dict | RunSchedule) else schedule


def _one_or_a_list(schema: dict[str, Any]) -> None:
    """For editors, which know nothing of `_as_list`."""
    item = schema.pop("items")
    del schema["type"]
    schema["anyOf"] = [item, {"type": "array", "items": item}]


RunSchedules = Annotated[tuple[RunSchedule, ...], BeforeValidator(_as_list), Field(json_schema_extra=_one_or_a_list)]
"""One mapping in the file, or a list of them."""
