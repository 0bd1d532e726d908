"""How a disturbed project is after one run that nobody disturbs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.soak import subject
from tests.soak.subject import FrontEnd, Truth
from tests.soak.trial import Ending, follow, has_traceback


def recovered(root: Path, truth: Truth, front_end: FrontEnd, store: str | None = None) -> tuple[Ending, str]:
    """How a project is after one run that nobody disturbs."""
    variables = {"MLFLOW_TRACKING_URI": store} if store else {}
    done = subject.run(root, front_end, **variables)
    if has_traceback(done):
        return "traceback", f"the next run ({front_end}): {done.stderr.strip().splitlines()[-1]}"
    good: Ending = "same"
    if done.returncode != 0 and follow(root, done.stderr):
        done, good = subject.run(root, front_end, **variables), "cured"
    if done.returncode != 0:
        return "blocked", f"the next run ({front_end}) ends with {done.returncode}: {done.stderr.strip()[-400:]}"
    if wrong := subject.complaints(root, truth, store):
        return "different", "; ".join(wrong[:5])
    if wrong := [*subject.leftovers(root), *(f"still at work: {line}" for line in subject.end(root))]:
        return "left over", "; ".join(wrong[:5])
    again = subject.run(root, "plain", "--json", **variables)
    outcomes = {stage["outcome"] for stage in json.loads(again.stdout)["stages"]}
    return (good, "") if outcomes == {"unchanged"} else ("different", f"a run after that: {outcomes}")
