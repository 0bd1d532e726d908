"""Settings that Prefect cannot read are told in one message, by every command that needs Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
from flows.settings import check_settings
from tasks.errors import UserError
try:
    check_settings()
    from flows.connection import look_at_server
    print(look_at_server()[0])
except UserError as error:
    print(error)
"""


def check(folder: Path, **more: str) -> str:
    """What a process of its own says: Prefect reads its settings once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    environment = {**kept, "PREFECT_HOME": str(folder), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-c", CHECK]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_wrong_variable_is_named_and_its_value_is_not_shown(tmp_path: Path) -> None:
    assert "PREFECT_CLIENT_MAX_RETRIES: Input should be a valid integer" in check(
        tmp_path, PREFECT_CLIENT_MAX_RETRIES="many"
    )
    address = check(tmp_path, PREFECT_API_URL="http://me:s3cret@[::1")
    assert address.startswith("PREFECT_API_URL in the environment: http://[::1 cannot be read; write it like http")
    # As the message says.
    assert check(tmp_path).startswith("no server configured")


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "prefect.toml").write_text("a = ")
    assert "from prefect.toml: invalid TOML" in check(tmp_path)
    (tmp_path / "prefect.toml").unlink()
    (tmp_path / "profiles.toml").write_text(
        'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://s3cret@[::1"\n'
    )
    profile = check(tmp_path)
    assert "an address, such as PREFECT_API_URL, is none; mend it in the environment" in profile
    assert "s3cret" not in profile


@pytest.mark.parametrize("command", [["run", "digits"], ["doctor"], ["schedule"]])
def test_every_command_says_so(command: list[str]) -> None:
    environment = {**os.environ, "PREFECT_API_URL": "http://[::1"}
    ended = subprocess.run(
        [sys.executable, "-c", "from tasks.command.cli import main; main()", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "PREFECT_API_URL in the environment: http://[::1 cannot be read" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
