"""Why a request is not answered, as whoever sent it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tasks.wording import counted

_MOST_SHOWN = 100
"""Problems that an answer names: a request may have a million bad cells."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a request's rows: where, counted from 1, and in which column, as far as that is one."""

    message: str
    row: int | None = None
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"row": self.row, "column": self.column, "message": self.message}


class RequestError(Exception):
    """A request that is answered by a status of HTTP other than 200, with a sentence that says what to do."""

    def __init__(
        self,
        status: int,
        message: str,
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.problems, self.headers = status, message, tuple(problems), headers

    def as_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        shown = {"error": self.message}
        problems = [problem.as_dict() for problem in self.problems[:_MOST_SHOWN]]
        return {**shown, "problems": problems} if problems else shown


def more_problems(problems: Sequence[Problem]) -> str:
    """What stands behind the first problem where there are others, of which an answer has the first hundred."""
    return f" (and {counted(len(problems) - 1, 'more problem')})" if problems[1:] else ""


def too_busy(message: str) -> RequestError:
    """A 503: the same request may be answered when it is sent again."""
    return RequestError(503, message, headers={"Retry-After": "1"})
