"""Completion, asked of real shells: what they offer for a line that is half typed."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tasks.command import cli
from tasks.command.cli import main
from tasks.paths import STAGES

PARAMS = """\
# names: of pipelines
defaults:
  seed: 1
pipelines: # two
    churn: # with its settings
        ingest: {source: {kind: table, path: orders.csv}}
        # commented: out
    orders-2: {}
other:
    no_pipeline: 1
"""

NAMES = {"churn", "orders-2"}

CASES = {
    "modelwright prom": {"promote"},
    "modelwright run ": NAMES,
    "modelwright run chu": {"churn"},
    "modelwright predict --offline or": {"orders-2"},
    "modelwright run churn --from va": {"validate"},
    "modelwright rollback churn --to tr": set(),  # a version or a time, and no stage
    "modelwright init p orders.csv --task b": {"binary"},
    "modelwright run --pl": {"--plain"},
    "modelwright completion f": {"fish"},
    "modelwright add ord": {"orders.csv"},
}
"""Half a line, and all that may stand in the place of its last word."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below a project's."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    inner = tmp_path / "data"
    inner.mkdir()
    (inner / "orders.csv").touch()
    return inner


def script_file(shell: str, path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path.write_text(capsys.readouterr().out)
    return path


def output_of(arguments: list[str], folder: Path) -> str:
    return subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


def needed(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed here")
    return path


def test_bash_offers_what_fits(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"source {shlex.quote(str(script_file('bash', tmp_path / 'script', capsys)))}"]
    for half in CASES:
        words = [*half.split(), ""] if half.endswith(" ") else half.split()
        lines += [f"COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}"]
        # As bash calls it, by the name that was registered.
        lines += [f"$(complete -p modelwright | sed 's/.*-F \\([^ ]*\\) .*/\\1/') modelwright {shlex.quote(words[-1])}"]
        lines += ['printf "%s " "${COMPREPLY[@]}"; echo']
    offered = output_of(["bash", "--norc", "-c", "\n".join(lines)], folder).splitlines()
    assert dict(zip(CASES, [set(line.split()) for line in offered], strict=True)) == CASES


def test_fish_offers_what_fits(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fish = needed("fish")
    lines = [f"source {shlex.quote(str(script_file('fish', tmp_path / 'script', capsys)))}"]
    for half in CASES:
        lines += [f"complete -C {shlex.quote(half)}", "echo =="]
    offered = output_of([fish, "--no-config", "-c", "\n".join(lines)], folder).split("==\n")
    answers = [{line.split("\t")[0] for line in part.splitlines()} for part in offered[:-1]]
    assert dict(zip(CASES, answers, strict=True)) == CASES


def test_zsh_completes_a_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zsh = needed("zsh")
    functions = tmp_path / "functions"
    functions.mkdir()
    script_file("zsh", functions / "_modelwright", capsys)
    begin = (
        f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; PS1='>> '; precmd() {{ echo rea''dy }}\n"
    )
    single = {half: right for half, right in CASES.items() if len(right) == 1}
    shown = typed(zsh, folder, begin, [*single])
    for half, right in single.items():
        whole = f"{half.rpartition(' ')[0]} {right.copy().pop()}"
        assert f"={whole}=" in shown.replace(" =", "="), half


def typed(zsh: str, folder: Path, begin: str, halves: list[str]) -> str:
    """What a terminal shows after each half line was completed by Tab, and printed instead of run."""
    import pty

    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(zsh, [zsh, "-f", "-i"], {**os.environ, "TERM": "dumb"})
    shown = ""
    try:
        os.write(terminal, begin.encode())
        shown += prompt(terminal)
        for half in halves:
            os.write(terminal, f"{half}\t".encode())
            # To the line's beginning and its end, where words are put that make it print itself.
            os.write(terminal, b"\x05=\x01print -r -- =\n")
            shown += prompt(terminal)
    finally:
        os.write(terminal, b"exit\n")
        os.close(terminal)
        os.waitpid(process, 0)
    return shown


def prompt(terminal: int, seconds: float = 30) -> str:
    """All that is shown until the next prompt: before it, zsh's editor does not read what is typed."""
    shown, deadline = "", time.monotonic() + seconds
    while not re.search(r"ready\s+>> ", shown):
        assert select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0], shown
        shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for name, command in cli._COMMANDS.items():
        assert name in text
        for names, settings in command.arguments:
            assert all(option.removeprefix("--") in text for option in names if option.startswith("-"))
            assert all(choice in text for choice in settings.get("choices", ()))
    assert all(stage in text for stage in STAGES)
