"""The page as HTML: styles inside, values escaped, no script, nothing from elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tasks.dashboard.content import Dashboard
from tasks.pages.rendering import as_page, page_templates
from tasks.wording import counted, number

_TEMPLATES = Path(__file__).parent / "templates"


def render_dashboard(dashboard: Dashboard, *, again: int | None = None) -> str:
    """`again` is after how many seconds the browser asks anew: while something is still being looked at."""
    environment = page_templates(_TEMPLATES)
    environment.filters.update(number=number, moment=moment, ago=ago, lasted=lasted)
    return as_page(environment.get_template("dashboard.html").render(dashboard=dashboard, again=again))


def moment(time: datetime) -> str:
    """In UTC, as the history of the champion has it: `2026-10-01 12:00`."""
    return f"{time:%Y-%m-%d %H:%M}"


def ago(time: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that makes a whole number: `3 hours ago`."""
    passed = now - time
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if passed >= length:
            count = passed // length
            return f"{counted(count, unit)} ago"
    return "just now"


def lasted(seconds: float | None) -> str:
    """A duration as a person says it: `12 s`, `3 min`, `2 h 5 min`; empty where it has not ended."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
