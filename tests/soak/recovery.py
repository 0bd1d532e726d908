"""How a disturbed project is after one run that nobody disturbs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.soak import subject
from tests.soak.subject import FrontEnd, Truth
from tests.soak.trial import Ending, cures, follow, has_traceback


def run_as_told(
    root: Path, front_end: FrontEnd, *more: str, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A run; when it stops, what its message says and a run again, one cure after another; and the cures done."""
    done, tried = subject.run(root, front_end, *more, **variables), list[str]()
    while done.returncode != 0 and not has_traceback(done):
        cure = next((cure for cure in cures(done.stderr) if "; ".join(cure) not in tried), None)
        if cure is None:
            break
        follow(root, cure)
        tried.append("; ".join(cure))
        done = subject.run(root, front_end, *more, **variables)
    return done, tried


def recovered(root: Path, truth: Truth, front_end: FrontEnd, store: str | None = None) -> tuple[Ending, str]:
    """How a project is after one run that nobody disturbs."""
    variables = {"MLFLOW_TRACKING_URI": store} if store else {}
    done, tried = run_as_told(root, front_end, **variables)
    good: Ending = "cured" if tried else "same"
    if has_traceback(done):
        return "traceback", f"the next run ({front_end}): {done.stderr.strip().splitlines()[-1]}"
    if done.returncode != 0:
        message = done.stderr.strip()[-400:]
        return "blocked", f"the next run ({front_end}) ends with {done.returncode} after {tried}: {message}"
    if wrong := subject.complaints(root, truth, store):
        return "different", "; ".join(wrong[:5])
    if wrong := [*subject.leftovers(root), *(f"still at work: {line}" for line in subject.end(root))]:
        return "left over", "; ".join(wrong[:5])
    again = subject.run(root, "plain", "--json", **variables)
    outcomes = {stage["outcome"] for stage in json.loads(again.stdout)["stages"]}
    return (good, "") if outcomes == {"unchanged"} else ("different", f"a run after that: {outcomes}")
