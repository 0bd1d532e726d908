"""Text in MLflow's pages, which are Markdown and HTML: names of columns and classes come from anybody's files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from tasks.pages.rendering import as_page

_MANY = 12
"""A list longer than this is cut: the passport has all of it."""

LONGEST = 5_000
"""Signs of a description in MLflow's databases: SQLite keeps more, PostgreSQL and MySQL refuse it."""

_LONGEST_LINE = 300


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


def fitted(text: str, whole: str) -> str:
    """A description that every database takes: one that is too long is shortened, and says in which file it is `whole`.

    Long lines are cut first; then the longest list loses its last line, again and again. Links stay.
    """
    if len(text) <= LONGEST:
        return text
    first, *lines = map(_cut, text.splitlines())
    lines = [first, "", f"Shortened: all of it is in {whole}.", *lines]
    while len("\n".join(lines)) > LONGEST:
        del lines[_last_of_longest_list(lines)]
    return "\n".join(lines)


def _cut(line: str) -> str:
    if len(line) <= _LONGEST_LINE or _is_link(line):
        return line
    # Not within a sign that is written as several.
    return re.sub(r"(\\+|&\w*|[`*]+)$", "", line[:_LONGEST_LINE]) + " ..."


def _last_of_longest_list(lines: Sequence[str]) -> int:
    runs = (list(run) for is_item, run in groupby(range(len(lines)), lambda at: _is_item(lines[at])) if is_item)
    return max(runs, key=lambda run: sum(len(lines[at]) for at in run))[-1]


def _is_item(line: str) -> bool:
    return line.lstrip().startswith("- ") and not _is_link(line)


def _is_link(line: str) -> bool:
    return "](" in line
