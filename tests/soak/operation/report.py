"""The soak's tables: how runs ended by what befell them, and what grows with each run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from tasks.operating.service import MLFLOW
from tests.soak.operation.checks import wrongly_removed
from tests.soak.operation.content import PIPELINE
from tests.soak.operation.disturbances import Site
from tests.soak.operation.retention import DAYS_LATER, collect, on_disk
from tests.soak.operation.rounds import Round

_KIB = 1024


def table(rounds: Sequence[Round]) -> str:
    """By what befell the run, as Markdown."""
    by_kind: dict[str, list[Round]] = defaultdict(list)
    for each in rounds:
        by_kind[each.disturbance.kind if each.disturbance else "nothing"].append(each)
    lines = [
        "| befallen by | runs | completed | failed or crashed | seconds until rest: median | most | problems |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, own in sorted(by_kind.items()):
        completed, problems = sum(each.is_completed for each in own), sum(bool(each.problems) for each in own)
        seconds = [each.seconds for each in own]
        counts = f"{len(own)} | {completed} | {len(own) - completed}"
        lines.append(f"| {kind} | {counts} | {median(seconds):.0f} | {max(seconds):.0f} | {problems} |")
    return "\n".join(lines)


def growth_table(rounds: Sequence[Round]) -> str:
    """Of runs that nothing befell: KiB a run by least squares, with its standard error."""
    lines = ["| of | first, MiB | last, MiB | KiB a run |", "| --- | --- | --- | --- |"]
    for kind in ("memory", "disk"):
        for name in getattr(rounds[-1], kind):
            values = [getattr(each, kind).get(name, 0) for each in rounds]
            slope, error = slope_of(values)
            mib = [value / _KIB**2 for value in (values[0], values[-1])]
            lines.append(f"| {kind}: {name} | {mib[0]:.1f} | {mib[1]:.1f} | {slope / _KIB:+.1f} ± {error / _KIB:.1f} |")
    return "\n".join(lines)


def gc_table(rounds: Sequence[Round]) -> str:
    """What `gc` gave back, of all calls together."""
    calls = [each for each in rounds if each.removed is not None]
    removed = sum(each.removed or 0 for each in calls)
    lines = [
        f"gc was given {len(calls)} times, and removed {removed} versions",
        "| of | MiB given back |",
        "| --- | --- |",
    ]
    names = dict.fromkeys(name for each in calls for name in each.freed)
    lines += [f"| {name} | {sum(each.freed[name] for each in calls) / _KIB**2:.1f} |" for name in names]
    return "\n".join(lines)


def slope_of(values: Sequence[float]) -> tuple[float, float]:
    """The least-squares slope over the positions, and its standard error; 0 and 0 for fewer than three values."""
    if len(values) < 3:
        return 0.0, 0.0
    given = np.asarray(values, dtype=float)
    places = np.arange(len(given)) - (len(given) - 1) / 2
    spread = float(places @ places)
    slope = float(places @ given) / spread
    rest = given - given.mean() - slope * places
    return slope, float(np.sqrt(rest @ rest / (len(given) - 2) / spread))


def ending_lines(site: Site) -> Iterator[str]:
    """What the project's own commands say at the end, and what `gc` brings back."""
    for words in (("history", PIPELINE, "--verify"), ("status",), ("doctor",)):
        done = site.worker.command(*words, check=False)
        printed = (done.stdout + done.stderr).strip()
        ending = f"error {done.returncode}" if done.returncode else "exit 0"
        yield f"modelwright {' '.join(words)}: {ending}\n{printed}"
    before = on_disk(site.machines)
    collection = collect(site.worker, site.machines, f"http://127.0.0.1:{site.servers.port(MLFLOW)}")
    yield from (f"error: {sentence}" for sentence in wrongly_removed(collection, ()))
    yield f"gc, {DAYS_LATER} days later: {len(collection.removed)} versions removed"
    for name, size in on_disk(site.machines).items():
        yield f"  {name}: {before[name] / _KIB**2:.1f} -> {size / _KIB**2:.1f} MiB"
