"""What `monitor` names must be there: masked columns, days of the week, and metrics of the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.monitoring.settings import check_monitor
from tasks.params.monitor import Monitor
from tasks.paths import Project
from tests.small_tables import Kind, described

PATHS = Project(root=Path("/shop")).pipeline("machines")
COLUMNS: dict[str, Kind] = {
    "customer": ("category", "id"),
    "torque": ("number", "feature"),
    "scan": ("image", "feature"),
    "day": ("timestamp", "time"),
    "broken": ("boolean", "target"),
}


def check(**settings: Any) -> None:
    check_monitor(Monitor.model_validate(settings), described(COLUMNS), PATHS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": ["torqe"]}, "monitor.mask names torqe, which is no feature .*; did you mean torque?"),
        # An id is logged as a key alone, the target as a label, and a picture not at all.
        ({"mask": ["torque", "customer"]}, "mask names customer, .*; known are torque"),
        ({"mask": ["broken"]}, "mask names broken"),
        ({"mask": ["scan"]}, "mask names scan"),
        ({"rules": {"quality": {"mae": {"max": 1}}}}, "quality.mae is of numbers, and the target has classes; known"),
    ],
)
def test_what_is_not_there_is_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"/shop/params.yaml: pipelines\.machines\..*{message}"):
        check(**settings)


def test_what_is_there_may_be_named() -> None:
    check(mask=["torque"], season="week", rules={"quality": {"log_loss": {"max": 1}}})


def test_days_of_the_week_are_those_of_a_timestamp() -> None:
    numbered = described({**COLUMNS, "day": ("number", "time")})
    with pytest.raises(UserError, match="and day, which has the role time, is of type number; correct the type"):
        check_monitor(Monitor(season="week"), numbered, PATHS)
