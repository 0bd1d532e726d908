"""Values as YAML text that a person would write, and comments beside it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./*-]*")
_RESERVED = frozenset("true false null yes no on off y n".split())  # noqa: SIM905
WIDTH = 116


def flow(value: Any) -> str:
    """On one line: `{kind: table, path: rows.csv}`."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case str():
            return scalar(value)
        case Sequence():
            return "[" + ", ".join(flow(inner) for inner in value) + "]"
        case _:
            return scalar(value)


def scalar(value: Any) -> str:
    """Plain where YAML reads it back as the same text, else in double quotes."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
            return value
        case str():
            return '"' + "".join(_escaped(sign) for sign in value) + '"'
        case _:
            return repr(value)


def comment(text: str, indent: int) -> list[str]:
    """Whole lines of comment, broken at a readable width. Control characters in it become blanks."""
    return [f"{'':{indent}}# {line}" for line in textwrap.wrap(_one_line(text), WIDTH - indent - 2)]


def beside(line: str, text: str) -> list[str]:
    """The line with a comment behind it, or above it where both together are too long."""
    text = _one_line(text)
    if not text:
        return [line]
    if len(line) + len(text) + 3 <= WIDTH:
        return [f"{line} # {text}"]
    return [*comment(text, len(line) - len(line.lstrip())), line]


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    digits = 2 if ord(sign) < 0x100 else 4 if ord(sign) < 0x10000 else 8
    return f"\\{'xuU'[digits // 4]}{ord(sign):0{digits}x}"
