"""What watching is worth: bike sharing in 2012 with and without it: `python benchmarks/loop.py --data FOLDER`.

A model of 2011 answers 2012 month by month. Labels come at the end of each month; the flow `monitoring` looks, and
starts a training where answers have surely become worse; its gate decides. Beside it the first version, which nobody
replaces. docs/monitoring.md has the chart.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.monitoring.bikes import Month, live, rentals, service

CHART = Path(__file__).parents[1] / "docs" / "loop.png"


def year(hours: Path, num_months: int, rounds: int) -> list[Month]:
    """The months of 2012 in a project of its own."""
    from prefect.testing.utilities import prefect_test_harness

    from tasks.tracking.store import ensure_store

    with tempfile.TemporaryDirectory() as folder, prefect_test_harness(server_startup_timeout=300):
        root, rows = Path(folder) / "project", rentals(hours)
        from tasks.paths import Project

        ensure_store(Project(root=Path(folder) / "store"))
        root.mkdir()
        os.chdir(root)
        project = service(root, Path(folder) / "store" / "mlflow", rows, rounds)
        months = []
        for number in range(1, num_months + 1):
            months.append(live(project, rows, number))
            print(asdict(months[-1]), flush=True)
        os.chdir(folder)
        return months


def draw(months: list[Month], place: Path) -> None:
    """The error over time, with the loop and without."""
    from tasks.evaluation.drawing import LIGHT, dress, png

    def chart(figure, theme) -> None:  # type: ignore[no-untyped-def]
        axes = figure.subplots()
        numbers = [month.number for month in months]
        axes.plot(numbers, [month.mae_of_first for month in months], color=theme.orange, marker="o", label="without")
        axes.plot(numbers, [month.mae for month in months], color=theme.blue, marker="o", label="with the loop")
        axes.set_ylim(bottom=0)
        axes.set_xticks(numbers)
        dress(axes, theme, "month of 2012", "mean absolute error, rentals an hour")
        axes.legend(frameon=False, labelcolor=theme.ink)

    place.write_bytes(png((7.0, 3.2), LIGHT, chart))


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    months = year(options.data / "bike-sharing" / "hour.csv", options.months, options.rounds)
    draw(months, CHART)
    mean, first = (sum(errors) / len(months) for errors in ([m.mae for m in months], [m.mae_of_first for m in months]))
    print(f"mean of the months' MAE: {mean:.1f} with the loop, {first:.1f} without")


if __name__ == "__main__":
    main()
