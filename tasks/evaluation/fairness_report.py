"""What is said of groups of people: how each is answered, and how far they are apart."""

from __future__ import annotations

from tasks.measures import TAIL_OF_WORST, Measure
from tasks.params.config import Config, Metric

SELECTION = "selection_rate of "
"""Before the name of a class of several: the share of rows that are answered so."""
_MOST_SHOWN = 30
_MOST_FIGURES = 8


class GroupScore(Config):
    """How one group is answered.

    `figures` are by their names, None where one is undefined, such as a true positive rate of a group without positive
    rows; `compared` is whether the group has rows enough to count in differences.
    """

    name: str
    num_rows: int
    compared: bool
    figures: dict[str, float | None]


class GroupDifference(Config):
    """How far the two groups are apart that are furthest apart; of a ratio, the lowest over the highest.

    `low` and `high` hold the true one with 95 % confidence, whichever groups it is between. `p_value` is how likely
    groups are that far apart if no two differ in truth; None where no standard test is for such rows. `figure` is what
    they differ in.
    """

    name: str
    figure: str
    value: float
    low: float | None
    high: float | None
    p_value: float | None
    lowest: str
    lowest_value: float
    highest: str
    highest_value: float
    num_rows: int

    def as_measure(self, columns: tuple[str, ...]) -> Measure:
        """For the gate."""
        pair = (self.lowest, self.lowest_value), (self.highest, self.highest_value)
        of = ", ".join(f"{name} {value:.3g}" for name, value in pair)
        return Measure(
            value=self.value,
            low=self.low,
            high=self.high,
            num_rows=self.num_rows,
            of=f"{' and '.join(columns)}: {of}",
            tail=TAIL_OF_WORST,
        )


class GroupComparison(Config):
    """The groups of a sensitive column, or of two at once. `num_rows_left_out` are of values beyond the most frequent
    ones."""

    columns: tuple[str, ...]
    groups: tuple[GroupScore, ...]
    num_rows_left_out: int
    differences: tuple[GroupDifference, ...]

    @property
    def too_small(self) -> tuple[GroupScore, ...]:
        """Those that have too few rows to be compared."""
        return tuple(group for group in self.groups if not group.compared)

    @property
    def shown(self) -> tuple[GroupScore, ...]:
        """The largest groups, in the order in which they are."""
        largest = sorted(self.groups, key=lambda group: -group.num_rows)[:_MOST_SHOWN]
        kept = {id(group) for group in largest}
        return tuple(group for group in self.groups if id(group) in kept)

    @property
    def shown_figures(self) -> tuple[str, ...]:
        """The names of what the page says of each group: of many classes not how often each is answered."""
        names = tuple(self.groups[0].figures) if self.groups else ()
        few = tuple(name for name in names if not name.startswith(SELECTION))
        return names if len(names) <= _MOST_FIGURES else few


class FairnessReport(Config):
    """fairness.json: the columns with the role sensitive, each alone, then two at once.

    `positive` is the class of two whose answers are rates; `measured` are the differences for the gate, each the worst
    of all columns alone and of all pairs that were crossed, with an interval that holds for all of them together.
    """

    metric: Metric
    positive: str | None
    num_rows: int
    fewest_rows: int
    comparisons: tuple[GroupComparison, ...]
    num_pairs_left_out: int
    measured: dict[str, Measure]


def worst(candidates: dict[tuple[str, ...], GroupDifference]) -> Measure:
    """Of differences of the same name, by columns: the largest, or of ratios the smallest; the interval is where the
    worst true one lies, if each interval holds its own."""
    (name,) = {one.name for one in candidates.values()}
    choose = min if name == "demographic_parity_ratio" else max
    columns, chosen = choose(candidates.items(), key=lambda pair: pair[1].value)
    ends = [(one.low, one.high) for one in candidates.values()]
    lows, highs = [low for low, _ in ends if low is not None], [high for _, high in ends if high is not None]
    known = len(lows) == len(highs) == len(ends)
    update = {"low": choose(lows) if known else None, "high": choose(highs) if known else None}
    return chosen.model_copy(update=update).as_measure(columns)
