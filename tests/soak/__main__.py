"""`make soak`: projects killed, damaged, starved, moved and crowded, and a table of how each of them ended."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tasks.paths import Project
from tests.soak import subject
from tests.soak.crowds import crowds
from tests.soak.damage import damages
from tests.soak.kills import kills
from tests.soak.limits import limits
from tests.soak.moves import moves
from tests.soak.servers import servers
from tests.soak.subject import Truth
from tests.soak.trial import GOOD, Trial, table

_KILLS_EACH = 5

_KINDS: Mapping[str, Callable[[Path, Path, Truth, argparse.Namespace], Iterator[Trial]]] = {
    "kills": lambda folder, store, truth, given: kills(folder, store, truth, given.seed, given.rounds, _KILLS_EACH),
    "damage": lambda folder, _, truth, given: damages(folder, truth, given.seed, given.share),
    "limits": lambda folder, store, truth, given: limits(folder, store, truth, given.seed, given.rounds),
    "servers": lambda folder, store, truth, given: servers(folder, store, truth, given.seed, given.rounds),
    "moves": lambda folder, _, truth, given: moves(folder, truth),
    "crowds": lambda folder, store, truth, given: crowds(folder, store, truth, given.seed, given.rounds),
}


def main() -> int:
    """Prints a line for each trial that did not end well, then the table. Returns 1 when there was one."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="projects that are killed, servers that lie, and so on")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn: moments, signals, front ends")
    parser.add_argument("--share", type=float, default=1.0, help="of the files that are damaged")
    parser.add_argument("--only", choices=_KINDS, action="append", help="this kind alone; may be given several times")
    parser.add_argument("--folder", type=Path, help="where the projects lie; a temporary folder if not given")
    parser.add_argument("--verbose", action="store_true", help="every trial")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=given.folder) as place:
        trials = list(_trials(Path(place), given))
    print(table(trials))
    return int(any(trial.ending not in GOOD for trial in trials))


def _trials(folder: Path, given: argparse.Namespace) -> Iterator[Trial]:
    from tasks.tracking.store import ensure_store

    store = folder / "store"
    ensure_store(Project(root=store))
    truth = subject.undisturbed(folder / "undisturbed", store / "mlflow")
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in truth.seconds.items())
    print(f"a run from nothing: {seconds}", flush=True)
    for kind in given.only or _KINDS:
        for trial in _KINDS[kind](folder, store / "mlflow", truth, given):
            if given.verbose or trial.ending not in GOOD:
                print(trial, flush=True)
            yield trial


if __name__ == "__main__":
    sys.exit(main())
