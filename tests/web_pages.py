"""Pages as a browser shows them: headless Chromium, which a test that needs it skips without."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """The browser's command; the test is skipped, and says so, where there is none."""
    command = next(filter(None, map(shutil.which, _NAMES)), None)
    if command is None:
        pytest.skip("no Chromium is installed, in which the page would be looked at")
    return command


def shown(address: str, profile: Path, *options: str, seconds: int = 30) -> str:
    """The page's HTML after its scripts have run; `profile` is a folder for what the browser keeps."""
    return _run(["--dump-dom", f"--virtual-time-budget={1000 * seconds}", *options, address], profile)


def _run(options: Sequence[str], profile: Path) -> str:
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=True).stdout
