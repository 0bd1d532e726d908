"""Text in MLflow's pages, which are Markdown and HTML: names of columns and classes come from anybody's files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.reports import as_page

_MANY = 12
"""A list longer than this is cut: the passport has all of it."""


def as_text(text: str) -> str:
    """Text that Markdown and HTML leave as it is: names of classes and columns come from files that anybody may have
    made."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", _on_one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_code(text: str) -> str:
    """Text between as many backticks as it needs, in which nothing means anything."""
    text = _on_one_line(text)
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def _on_one_line(text: str) -> str:
    return as_page(" ".join(text.split()))


def listed(lines: Iterable[str]) -> str:
    """Lines with a dash before each, the first dozen."""
    lines = list(lines)
    more = [f"and {len(lines) - _MANY:,} more, all in passport.json"] if len(lines) > _MANY else []
    return "\n".join(f"- {line}" for line in [*lines[:_MANY], *more])
