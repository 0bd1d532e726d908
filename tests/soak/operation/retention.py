"""`modelwright gc` as it would be given days later, and what versions with an alias answer before it and after it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.projects import command
from tests.soak.operation.content import PIPELINE, rows
from tests.soak.operation.machine import Machine

DAYS_LATER = 3
"""More than `retention` of the soaked pipeline keeps what nothing needs."""

_COLLECT = """
import json, sys, time
from pathlib import Path
from tasks.command.gc_plan import collect
from tasks.command.gc_table import as_dict
from tasks.paths import Project
plan = collect(Project(root=Path.cwd()), None, None, time.time() + 86_400 * int(sys.argv[1]))
print(json.dumps(as_dict(plan, removed=True)))
"""

_ANSWER = """
import io, json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
name, rows = sys.argv[2], pandas.read_csv(io.StringIO(sys.argv[3]))

def answers(version):
    return pandas.DataFrame(mlflow.pyfunc.load_model(f"models:/{name}/{version}").predict(rows)).to_csv()

holders = mlflow.MlflowClient().get_registered_model(name).aliases
print(json.dumps({alias: [int(version), answers(version)] for alias, version in holders.items()}))
"""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A version with an alias, and what it answers, as text."""

    version: int
    answers: str


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What one `gc` removed and gave back, in bytes by their place, and the holders of aliases around it."""

    removed: tuple[int, ...]
    before: Mapping[str, Holder]
    after: Mapping[str, Holder]
    freed: Mapping[str, int] = field(default_factory=dict)


def collect(worker: Machine, machines: tuple[Machine, ...], address: str) -> Collection:
    """Removes what is past its retention in some days. `address` is that of MLflow's server."""
    before, sizes = holders(worker, address), on_disk(machines)
    plan = _json(worker, _COLLECT, str(DAYS_LATER))
    return Collection(
        removed=tuple(one["version"] for one in plan["versions"]),
        before=before,
        after=holders(worker, address),
        freed={name: sizes[name] - size for name, size in on_disk(machines).items()},
    )


def holders(worker: Machine, address: str) -> dict[str, Holder]:
    """By alias; each version is loaded from the registry by MLflow's own means, and asked."""
    table = rows(20).drop("kind").write_csv()
    answered = _json(worker, _ANSWER, address, PIPELINE, table)
    return {alias: Holder(version=version, answers=answers) for alias, (version, answers) in answered.items()}


def on_disk(machines: tuple[Machine, ...]) -> dict[str, int]:
    """Bytes of all machines together, by what they are of."""
    sizes: dict[str, int] = {}
    for machine in machines:
        for name, size in machine.num_bytes_on_disk().items():
            sizes[name] = sizes.get(name, 0) + size
    return sizes


def _json(machine: Machine, program: str, *arguments: str) -> Any:
    done = command(machine.root, sys.executable, "-c", program, *arguments, **machine.variables)
    return json.loads(done.stdout.strip().splitlines()[-1])
