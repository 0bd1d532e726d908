"""How often other watchers cry wolf: `python benchmarks/monitoring_peers.py --peers PYTHON [--tables 5] [--days 365]`.

The fifty columns of benchmarks/monitoring.py, 200 rows a day and 5,000 training rows, given to NannyML's
UnivariateDriftCalculator and to Evidently's DataDriftPreset day by day, both as they come; PYTHON is one that has them
(`python -m venv peers; peers/bin/pip install nannyml evidently "pandas<3"`). Rows are drawn twice: without any change,
where each alarm is a false one, and with one column moved by half a standard deviation. Evidently takes seconds a day:
`--days 20 --peer evidently` says what there is to say. docs/monitoring.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.monitoring.unchanged import GROUPS, raw_table

NUM_ROWS, NUM_TRAINING, SHIFT = 200, 5_000, 0.5
MOVED = f"correlated_{GROUPS['correlated'] - 1}"

_NANNYML = """\
import json, sys
import nannyml, pandas as pd
known, days = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
categories = [name for name in known if name.startswith("categories")]
watcher = nannyml.UnivariateDriftCalculator(list(known), treat_as_categorical=categories, chunk_size=int(sys.argv[3]))
found = watcher.fit(known).calculate(days).filter(period="analysis").to_df()
alerts = {name[0]: found[name].astype(bool).tolist() for name in found.columns if name[-1] == "alert"}
print(json.dumps({"columns": alerts, "whole": None}))
"""

_EVIDENTLY = """\
import json, sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
known, days, size = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2]), int(sys.argv[3])
categories = [name for name in known if name.startswith("categories")]
numbers = [name for name in known if name not in categories]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
as_known = Dataset.from_pandas(known, data_definition=definition)
columns, whole = {name: [] for name in known}, []
for begin in range(0, len(days), size):
    rows = Dataset.from_pandas(days[begin:begin + size].reset_index(drop=True), data_definition=definition)
    for metric in Report([DataDriftPreset()]).run(rows, as_known).dict()["metrics"]:
        config = metric["config"]
        if "column" not in config:
            whole.append(bool(metric["value"]["share"] >= config["drift_share"]))
            continue
        # A p-value alarms below its threshold, a distance above it.
        is_p_value = "p_value" in config["method"]
        columns[config["column"]].append(bool(metric["value"] < config["threshold"]) == is_p_value)
print(json.dumps({"columns": columns, "whole": whole}))
"""

PEERS = {"nannyml": _NANNYML, "evidently": _EVIDENTLY}


def alarms(python: Path, script: str, seed: int, num_days: int, shift: float) -> dict[str, Any]:
    """By column, and of the whole where the peer judges that, whether there was an alarm on each day."""
    columns: dict[str, list[Any]] = {name: [] for name in GROUPS}
    for raw in raw_table(seed, num_days, NUM_ROWS, NUM_TRAINING, shift):
        columns[raw.group].append(raw.values)
    rows = pl.DataFrame(
        {f"{group}_{number}": values for group, all_ in columns.items() for number, values in enumerate(all_)},
        nan_to_null=True,
    ).with_columns(pl.col("^categories_.*$").cast(pl.Int64).cast(pl.String))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("known.parquet", "days.parquet")]
        for file, part in zip(files, (rows[:NUM_TRAINING], rows[NUM_TRAINING:]), strict=True):
            part.write_parquet(file)
        line = [str(python), "-c", script, *map(str, files), str(NUM_ROWS)]
        # Both would tell their makers of it.
        quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
        told = subprocess.run(line, env=quiet, capture_output=True, text=True, check=True).stdout
    return json.loads(told.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    """A line for each peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="a Python that has them")
    parser.add_argument("--peer", choices=PEERS, action="append")
    parser.add_argument("--tables", type=int, default=5)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    for name in options.peer or PEERS:
        seeds = range(options.tables)
        unchanged = [alarms(options.peers, PEERS[name], seed, options.days, 0.0) for seed in seeds]
        moved = [alarms(options.peers, PEERS[name], seed, options.days, SHIFT) for seed in seeds]
        print(f"{name}: {options.tables} tables of {options.days} days")
        for kind, names in (("all columns", list(unchanged[0]["columns"])), ("those without a season", _steady())):
            by_column = np.array([[found["columns"][column] for column in names] for found in unchanged])
            with_any = by_column.any(axis=1)
            print(
                f"  unchanged, {kind}: {with_any.any(axis=1).sum()} tables with an alarm; one on "
                f"{with_any.mean():.1%} of the days; of a column on {by_column.mean():.2%}"
            )
        print(f"  moved by {SHIFT} sd: that column on {np.mean([found['columns'][MOVED] for found in moved]):.1%}")
        if unchanged[0]["whole"] is not None:
            shares = [np.mean([found["whole"] for found in tables]) for tables in (unchanged, moved)]
            print(f"  of the whole: on {shares[0]:.1%} of the days unchanged, {shares[1]:.1%} with a column moved")


def _steady() -> list[str]:
    return [f"{group}_{number}" for group, count in GROUPS.items() if group != "seasonal" for number in range(count)]


if __name__ == "__main__":
    main()
