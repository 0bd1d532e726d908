"""Pages as a browser shows them: headless Chromium, which a test that needs it skips without."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class ShownPage:
    """A page as wide as it is drawn, beside its window; how high it is, and the colour behind it."""

    content: int
    window: int
    height: int
    colour: str


LIGHT, DARK = "rgb(245, 247, 249)", "rgb(13, 17, 23)"
"""Behind the text of every page, by what its reader likes."""

_MEASURE = """
onload = () => document.querySelectorAll("iframe").forEach(frame => {
  const page = frame.contentDocument.documentElement, style = getComputedStyle(frame.contentDocument.body);
  const sizes = [page.scrollWidth, page.clientWidth, page.scrollHeight, style.backgroundColor];
  document.body.append(Object.assign(document.createElement("output"), {textContent: sizes.join(" ")}));
});
"""


def measured(windows: Sequence[tuple[str, int, bool]], folder: Path) -> list[ShownPage]:
    """Pages, each in a window of so many pixels, of a reader who likes them dark or not."""
    frames = [_frame(text, width, dark=dark) for text, width, dark in windows]
    (folder / "frames.html").write_text(f"<!DOCTYPE html><body>{''.join(frames)}<script>{_MEASURE}</script>")
    outputs = re.findall(
        r"<output>(\d+) (\d+) (\d+) (rgb\([^)]*\))</output>",
        shown((folder / "frames.html").as_uri(), folder / "profile", seconds=3),
    )
    return [
        ShownPage(content=int(content), window=int(window), height=int(height), colour=colour)
        for content, window, height, colour in outputs
    ]


def in_the_dark(text: str) -> str:
    """The page as a browser shows it whose reader likes dark pages."""
    return text.replace("@media screen and (prefers-color-scheme: dark)", "@media screen")


def _frame(text: str, width: int, *, dark: bool) -> str:
    text = html.escape(in_the_dark(text) if dark else text)
    return f'<iframe style="border:0;width:{width}px;height:600px" srcdoc="{text}"></iframe>'


def _run(options: Sequence[str], profile: Path) -> str:
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=True).stdout
