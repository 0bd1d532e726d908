"""How often watching cries wolf, and how soon it sees a change: `python benchmarks/monitoring.py [--simulations 1000]`.

Fifty columns, 200 rows a day, 5,000 training rows. A year in which nothing changes is simulated 1,000 times: any alarm
at all in it is a false one. Then one column is moved from day 100 on, and the days until an alarm are counted. Beside
it the usual practice: each column by a Kolmogorov-Smirnov test (categories by chi-square) at 0.05, each day.
docs/monitoring.md has the figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import chi2

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.monitoring.unchanged import DrawnColumn, first_alarm, table

NUM_DAYS, NUM_ROWS, NUM_TRAINING, TOTAL = 365, 200, 5_000, 0.05
SINCE, FOLLOWED = 100, 60


def usual_p_values(column: DrawnColumn) -> np.ndarray:
    """Kolmogorov and Smirnov's of numbers, chi-square of categories, of each day [D] by itself, strata put together."""
    days, known = column.days.sum(axis=1), column.known.sum(axis=0)
    num_days_rows, num_known = days.sum(axis=1), known.sum()
    if column.kind == "category":
        expected = np.outer(num_days_rows, (days + known).sum(axis=0) / (days + known).sum())
        keep = expected.min(axis=0) > 1
        scale = 1 + num_days_rows[:, None] / num_known
        statistic = ((days - expected) ** 2 / np.maximum(expected, 1e-9) / scale)[:, keep].sum(axis=1)
        return np.asarray(chi2.sf(statistic, keep.sum() - 1))
    days, known = days[:, :-1], known[:-1]
    num_days_rows, num_known = days.sum(axis=1), known.sum()
    gap = np.abs(np.cumsum(days, axis=1) / num_days_rows[:, None] - np.cumsum(known) / num_known).max(axis=1)
    return np.asarray(kolmogorov(gap * np.sqrt(num_days_rows * num_known / (num_days_rows + num_known))))


def unchanged_year(seed: int, usual_too: bool) -> tuple[int | None, float, float]:
    """The day of the first alarm; then, by the usual practice, the days with an alarm, and so with 0.05 / 50."""
    columns = table(seed, NUM_DAYS, NUM_ROWS, NUM_TRAINING)
    shares = [0.0, 0.0]
    if usual_too:
        least = np.min([usual_p_values(column) for column in columns], axis=0)
        shares = [float((least < level).mean()) for level in (0.05, 0.05 / len(columns))]
    # Half of the chance is for rows and answers, as in a look; the other half for labels.
    return first_alarm(columns, TOTAL / 2), shares[0], shares[1]


def days_until_alarm(seed: int, shift: float) -> int | None:
    """From the day of the change on, 1 for that day itself; None where none came within two months."""
    columns = table(10_000 + seed, SINCE + FOLLOWED, NUM_ROWS, NUM_TRAINING, shift, SINCE)
    alarm = first_alarm(columns, TOTAL / 2, SINCE)
    return None if alarm is None else alarm - SINCE + 1


def report_unchanged(num_simulations: int, run: Callable[..., object]) -> None:
    """The share of years with any alarm, with its binomial error."""
    of_usual = min(num_simulations, 100)
    years = list(run(partial(_year, of_usual), range(num_simulations)))  # type: ignore[call-overload]
    alarms = sum(year[0] is not None for year in years)
    share = alarms / num_simulations
    error = np.sqrt(max(share * (1 - share), 1 / num_simulations) / num_simulations)
    print(f"unchanged: {alarms} of {num_simulations} years with any alarm ({share:.2%}, standard error {error:.2%})")
    for place, name in ((1, "0.05 a column"), (2, "0.05 over the columns of a day")):
        days = [year[place] for year in years[:of_usual]]
        with_any = sum(day > 0 for day in days)
        print(f"  usual, {name}: {with_any} of {of_usual} years with any; alarms on {np.mean(days):.1%} of the days")


def _year(of_usual: int, seed: int) -> tuple[int | None, float, float]:
    return unchanged_year(seed, seed < of_usual)


def report_power(num_simulations: int, run: Callable[..., object]) -> None:
    """Days until one of fifty columns, moved by so many standard deviations, is called changed."""
    for shift in (0.2, 0.3, 0.5, 1.0):
        days = list(run(partial(days_until_alarm, shift=shift), range(num_simulations)))  # type: ignore[call-overload]
        counted = np.array([np.inf if day is None else day for day in days])
        middle, most = np.quantile(counted, [0.5, 0.95], method="higher")
        unseen = sum(day is None for day in days)
        print(f"shift of {shift} sd: half within {middle:g} days, 95 % within {most:g}; not in {FOLLOWED}: {unseen}")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    with Pool(options.jobs) as pool:
        report_power(min(options.simulations, 100), pool.map)
        sys.stdout.flush()
        report_unchanged(options.simulations, pool.map)


if __name__ == "__main__":
    main()
