"""Whether a look is a reason to train anew: once for each window that breaks a rule which `monitor.retrain` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tasks import files
from tasks.monitoring.look import Look
from tasks.monitoring.records import LabelWindow, RowWindow
from tasks.params.monitor import RuleName


def reason_to_train(look: Look, retrain: Sequence[RuleName], folder: Path) -> str | None:
    """Why, in a sentence, by the newest windows; None where no such rule fires, or a training was started already."""
    reasons = [
        f"rows of {window.begin} to {window.end}, {rule.rule}: {rule.sentence}"
        if isinstance(window, RowWindow)
        else f"labels of {window.begin} to {window.end}, {rule.rule}: {rule.sentence}"
        for window in _newest(look)
        if not _note(folder, window).exists()
        for rule in window.fired
        if rule.rule in retrain
    ]
    return f"watching {look.model.name} version {look.model.version}: {'; '.join(reasons)}" if reasons else None


def note_training(look: Look, reason: str, folder: Path) -> None:
    """That a training was started because of these windows: written before it begins, so that it begins once."""
    for window in _newest(look):
        files.write_json(_note(folder, window), {"reason": reason})


def _newest(look: Look) -> list[RowWindow | LabelWindow]:
    return [windows[-1] for windows in (look.rows, look.labels) if windows]


def _note(folder: Path, window: RowWindow | LabelWindow) -> Path:
    kind = "rows" if isinstance(window, RowWindow) else "labels"
    return folder / f"training-of-{kind}-{window.number:06d}.json"
