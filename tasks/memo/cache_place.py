"""Where DVC keeps what the stages made, and where it shares it: what `doctor` shows."""

from __future__ import annotations

from pathlib import Path

from tasks.addresses import shown_address
from tasks.memo.code import CODE
from tasks.memo.dvc_errors import dvc_errors
from tasks.memo.repository import repository


def describe_cache(root: Path) -> tuple[str, str | None]:
    """Where DVC's cache lies, and the URL of the default remote, if there is one. Raises UserError as a run would."""
    with dvc_errors(root):
        from dvc.dvcfile import ProjectFile

        repo = repository(root)
        # Damaged files of the project are found here, and not only when something runs.
        _ = ProjectFile(repo, str(root / "dvc.yaml")).stages[CODE]
        remote = repo.config["core"].get("remote")
        url = shown_address(str(repo.config["remote"][remote]["url"])) if remote else None
        return str(repo.cache.local.path), url
