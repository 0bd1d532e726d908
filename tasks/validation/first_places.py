"""Where the first rows stand that fail a rule: file and line as the source has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tasks.tables.origins import PartOrigins, UnreadCell
from tasks.validation.findings import Failing
from tasks.validation.unread import rule_of

NUM_PLACES = 3


class FirstPlaces:
    """The first places of each rule, in the order of the rows, however they are cut into parts."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, failing: Failing, unread: Iterable[UnreadCell], origins: PartOrigins | None) -> None:
        """Of one part; rows of which nobody noted where they came from have no place."""
        if origins is None:
            return
        for rule, rows in failing:
            self._add(rule.label, rows[:NUM_PLACES], origins)
        for cell in unread:
            self._add(rule_of(cell.column), [cell.row], origins)

    @property
    def by_rule(self) -> Mapping[str, Sequence[str]]:
        """By the rule's label, as the quarantine has it."""
        return self._places

    def _add(self, rule: str, rows: Iterable[int], origins: PartOrigins) -> None:
        places = self._places.setdefault(rule, [])
        for row in rows:
            if len(places) < NUM_PLACES:
                places.append(origins.place(int(row)))
