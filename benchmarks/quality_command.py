"""`modelwright` as a user of a fresh project runs it, for the benchmarks of quality."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

_CODE = str(Path(__file__).parents[1])


def command(folder: Path, *arguments: str) -> None:
    """Runs it in that folder, with no server or store of the caller's. Ends the benchmark with what it said where it
    fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_", "DVC_"))}
    line = [sys.executable, "-m", "tasks.command.cli", *arguments]
    done = subprocess.run(line, cwd=folder, env={**kept, "PYTHONPATH": _CODE}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(arguments)} ends with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )


def parser(description: str | None, sets: Collection[str], num_seeds: int) -> argparse.ArgumentParser:
    """Which sets, where they lie, and how often they are learnt; `num_seeds` where nobody says."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("sets", nargs="*", choices=[*sets, []], metavar="SET", help=", ".join(sets))
    made.add_argument("--data", type=Path, required=True, help="the folder in which each set has a folder")
    made.add_argument("--seeds", type=int, default=num_seeds, help=f"trainings a fold ({num_seeds})")
    made.add_argument("--folds", type=int, help="that are made of each set: the first ones (all)")
    made.add_argument("--init", nargs=argparse.REMAINDER, default=[], help="last: more arguments of `modelwright init`")
    return made
