"""Whether a run was missed, by schedules whose times are known. Whether it is made up for: test_scheduler.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

NIGHT, SIX_HOURS = {"cron": "0 3 * * *"}, {"interval": timedelta(hours=6), "anchor_date": datetime(2024, 1, 1)}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "timezone", "since", "now", "is_missed"),
    [
        (NIGHT, "Etc/UTC", "2026-03-01 03:00", "2026-03-01 23:00", False),
        (NIGHT, "Etc/UTC", "2026-03-01 03:00", "2026-03-02 02:59", False),
        (NIGHT, "Etc/UTC", "2026-03-01 03:00", "2026-03-02 03:00", True),
        (NIGHT, "Etc/UTC", "2026-03-01 03:00", "2026-03-20 12:00", True),
        # 03:00 in Berlin is 02:00 UTC in winter, and 01:00 in summer, which begins on 29 March.
        (NIGHT, "Europe/Berlin", "2026-03-01 02:00", "2026-03-02 01:59", False),
        (NIGHT, "Europe/Berlin", "2026-03-28 02:00", "2026-03-29 01:01", True),
        (SIX_HOURS, "Etc/UTC", "2026-03-01 06:00", "2026-03-01 11:59", False),
        (SIX_HOURS, "Etc/UTC", "2026-03-01 06:00", "2026-03-01 12:00", True),
    ],
)
def test_a_run_is_missed_when_a_time_has_passed_since_the_last(
    schedule: dict[str, object], timezone: str, since: str, now: str, is_missed: bool
) -> None:
    from prefect.client.schemas.schedules import construct_schedule

    from flows.missed_runs import fell_due

    made = construct_schedule(**schedule, timezone=timezone)
    assert fell_due([made], time(since), time(now)) == is_missed
    assert not fell_due([], time(since), time(now))


@pytest.mark.parametrize(("now", "is_missed"), [("2026-03-20 12:00", True), ("2026-06-20 12:00", False)])
def test_where_the_server_lets_runs_go_nothing_older_counts_as_missed(now: str, is_missed: bool) -> None:
    """A run each year on 1 March, of a deployment that is older than what the server knows of its runs."""
    from prefect.client.schemas.schedules import construct_schedule

    from flows.missed_runs import _is_to_run

    yearly = SimpleNamespace(schedule=construct_schedule(cron="0 3 1 3 *", timezone="Etc/UTC"), active=True)
    deployment: Any = SimpleNamespace(created=time("2024-01-01 00:00"), schedules=[yearly])
    known = time(now) - timedelta(days=90)
    assert _is_to_run(deployment, [], known, time(now)) == is_missed
