"""The ways in which a run ends without a bug: the user's mistake, a gate that says no, and a signal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in parameters, data or files: one message that says where, what, and what to do. Exit code 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class GateError(UserError):
    """A gate said no, as it is meant to: the message names the rule, the numbers, where the rows are. Exit code 3."""

    exit_code = 3


class Terminated(KeyboardInterrupt):
    """SIGTERM, as `kill`, systemd and containers send it: the run ends as after Ctrl-C."""


class UnreachableError(UserError):
    """What lies on another machine does not answer now: the same work may do a little later."""


class BusyError(UserError):
    """Another process is at work on the same files: once it is done, the same work may do.

    `processes` are their numbers, as far as they are known.
    """

    def __init__(self, message: str, processes: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.processes = processes


class NoSuchVersionError(UserError):
    """The registry answers, and has no version under the alias or the number that was asked for."""


class MissingSourceError(UserError):
    """A source's files are not on this machine: no obstacle where nothing needs to be read from them again."""


_OUTAGES = (
    "connection refused",
    "connection reset",
    "broken pipe",
    "could not connect",
    "can't connect",
    "timed out",
    "timeout expired",
    "closed the connection",
    "lost connection",
    "has gone away",
    "terminating connection",
    "starting up",
    "shutting down",
    "in recovery mode",
    "too many c",
    "name resolution",
    "database is locked",
)
"""In the words of PostgreSQL, MySQL, SQLite and the system."""


def is_outage(message: str) -> bool:
    """Whether a database's words tell of an outage that may pass; a password that it refuses does not pass."""
    return any(words in message.lower() for words in _OUTAGES)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the nearest known word, or the list of known words when none is near."""
    known = sorted(known)
    # Capitals alone are as far apart as any other letters to difflib.
    same = [one for one in known if one.casefold() == word.casefold()]
    nearest = same or difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f"; known are {', '.join(known)}" if known else ""


def printable(message: str) -> str:
    """The text with its control signs written out, but for line ends.

    Names and cells come from files that anybody may have made: a terminal would obey what they hold.
    """
    if message.isprintable():
        return message
    # `ascii` writes a sign as its escape, in quotes.
    signs = (sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in message)
    return "".join(signs)
