"""Credentials: strong, made once, private, and refused once others can read them."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.operating import credentials, places
from tasks.paths import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(root=tmp_path)


def test_they_are_made_once_for_the_owner_alone(project: Project) -> None:
    made = credentials.ensure(project)
    assert stat.S_IMODE(places.credentials(project).stat().st_mode) == 0o600
    assert credentials.ensure(project) == made
    secrets = {made.password, made.signing_key, made.api_key}
    assert len(secrets) == 3
    # 32 bytes at random, in base64.
    assert all(len(secret) == 43 for secret in secrets)
    assert not any(secret in repr(made) for secret in secrets)
    assert made.prefect == f"modelwright:{made.password}"
    assert credentials.ensure(Project(root=project.root / "other")).password != made.password


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_they_are_refused_where_others_can_read_or_write_them_until_the_advice_is_followed(
    project: Project, mode: int
) -> None:
    made = credentials.ensure(project)
    places.credentials(project).chmod(mode)
    with pytest.raises(UserError, match="others can read it or write it") as refused:
        credentials.ensure(project)
    assert made.password not in str(refused.value)
    subprocess.run(shlex.split(str(refused.value).split("`")[1]), check=True)
    assert credentials.ensure(project) == made


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}'])
def test_a_damaged_file_is_said_and_not_replaced(project: Project, content: str) -> None:
    credentials.ensure(project)
    places.credentials(project).write_text(content)
    with pytest.raises(UserError, match="damaged"):
        credentials.ensure(project)
    assert places.credentials(project).read_text() == content


def test_new_ones_are_not_made_beside_users_of_old_ones(project: Project) -> None:
    places.folder(project).mkdir(parents=True)
    places.users(project).touch()
    with pytest.raises(UserError, match="holds users that were made with it"):
        credentials.ensure(project)
    assert not places.credentials(project).exists()
