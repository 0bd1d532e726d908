"""`make soak-operation`: runs on schedule under `modelwright up`, disturbed at random, and what holds at each rest."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tasks.operating.service import MLFLOW, PREFECT
from tasks.paths import Project
from tests.projects import draft_suites, make_own_project
from tests.soak.operation.content import FIRST, PARAMS, SCHEDULE_LINE, write
from tests.soak.operation.disturbances import Site
from tests.soak.operation.link import Link
from tests.soak.operation.machine import Machine, small_disk
from tests.soak.operation.prefect_runs import PrefectRuns
from tests.soak.operation.report import ending_lines, gc_table, growth_table, table
from tests.soak.operation.rounds import Round, Soak


def main() -> int:
    """Prints a line a run, then the tables. Returns 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.operation", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="on schedule")
    parser.add_argument("--calm", type=int, help="the last runs, which nothing befalls: for growth; a fifth of all")
    parser.add_argument("--share", type=float, default=0.6, help="of the other runs that are disturbed")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn: changes, disturbances, moments")
    parser.add_argument("--machines", type=int, choices=(1, 2), default=1, help="two: servers apart, over links")
    parser.add_argument("--minutes", type=float, default=240.0, help="after which only the calm runs are left")
    parser.add_argument("--log", type=Path, help="a file for a line of JSON a run")
    given = parser.parse_args()
    calm = given.runs // 5 if given.calm is None else given.calm
    # Also of a soak in the background, for which a shell has Ctrl-C ignored: what is up is taken down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as place, site_of(Path(place), given.machines) as site:
        prefect = PrefectRuns(address=lambda: f"http://127.0.0.1:{site.servers.port(PREFECT)}")
        soak = Soak(site=site, prefect=prefect, draw=random.Random(given.seed), share=given.share)
        if not site.has_small_disk:
            print("a full disk: only root may mount a small one; not tried")
        for each in soak.rounds(given.runs, calm, 60 * given.minutes):
            rounds.append(each)
            print(_line(each), flush=True)
            if given.log:
                with given.log.open("a") as log:
                    log.write(json.dumps(each.as_dict()) + "\n")
        endings = list(ending_lines(site))
    print(table(rounds), growth_table(rounds[-max(calm, 1) :]), gc_table(rounds), *endings, sep="\n")
    return int(
        any(each.problems for each in rounds) or any(line.startswith("error") or ": error" in line for line in endings)
    )


def _line(each: Round) -> str:
    problems = "".join(f"\n    {problem}" for problem in each.problems)
    did = f"{each.disturbance}{'' if each.struck else ' (nothing there)'}" if each.disturbance else ""
    version = f"version {each.claim.version}" if each.claim else each.message[:300]
    return (
        f"{each.number:4} {each.change:9} {each.state:10} {each.seconds:6.1f} s ({each.at_work:.1f} at work)  "
        f"{version}, champion {each.champion}{'' if each.removed is None else f', gc {each.removed}'}"
        f"{f' (a person: {each.promoted})' if each.promoted else ''}  {did}{problems}"
    )


@contextmanager
def site_of(place: Path, num_machines: int) -> Iterator[Site]:
    """An operation that is up; taken down in the end."""
    from tasks.tracking.store import ensure_store

    store = place / "store"
    ensure_store(Project(root=store))
    with ExitStack() as held:
        is_small = held.enter_context(small_disk(place / "worker"))
        worker = Machine(root=place / "worker" / "project", variables={"PREFECT_RUNNER_POLL_FREQUENCY": "1"})
        params = PARAMS.format(strength=FIRST.strength)
        make_own_project(worker.root, params, store / "mlflow" if num_machines == 1 else None)
        write(worker.root, FIRST)
        draft_suites(worker.project)
        site = Site(servers=worker, worker=worker, has_small_disk=is_small)
        if num_machines == 2:
            held.enter_context(small_disk(place / "servers"))
            site.servers = Machine(root=place / "servers" / "project")
            make_own_project(site.servers.root, params.replace(SCHEDULE_LINE, ""), store / "mlflow")
            for name, variable, path in ((PREFECT, "PREFECT_API_URL", "/api"), (MLFLOW, "MLFLOW_TRACKING_URI", "")):
                site.links[name] = held.enter_context(Link(partial(_port, site, name)).running())
                worker.variables[variable] = f"{site.links[name].address}{path}"
        for machine in site.machines:
            held.callback(machine.command, "down")
            machine.command("up", "--detach")
        yield site


def _port(site: Site, name: str) -> int:
    return site.servers.port(name)


if __name__ == "__main__":
    sys.exit(main())
