"""The file that says what is up: read back whole, written again when damaged, and no proof of life by itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.operating import places
from tasks.operating.operation import Operation, OperationFile, ServiceStatus, page_of, read, running
from tasks.operating.sessions import KnownProcess, known_process
from tasks.paths import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(root=tmp_path)


@pytest.fixture
def operation() -> Operation:
    """One whose supervisor is this process."""
    prefect = ServiceStatus(
        name="prefect",
        state="ready",
        since=1.5,
        restarts=2,
        process=KnownProcess(pid=7, born=1.0),
        page="http://127.0.0.1:4200",
        health="http://127.0.0.1:4200/api/health",
    )
    schedule = replace(prefect, name="schedule", state="resting", process=None, page=None, health=None)
    return Operation(supervisor=known_process(os.getpid()), secured=True, log=None, services=(prefect, schedule))


def test_it_is_read_as_it_was_written(project: Project, operation: Operation) -> None:
    assert read(project) is None
    OperationFile(project).keep(operation)
    assert read(project) == operation
    assert running(project) == operation
    assert operation.known_processes == [KnownProcess(pid=7, born=1.0)]
    assert page_of(project, "prefect") == "http://127.0.0.1:4200"
    assert page_of(project, "schedule") is None
    assert page_of(project, "mlflow") is None


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b'{"services": [{}]}', b"\xff\xfe", b'{"supervisor": 1}']
)
def test_a_damaged_file_says_nothing_and_is_written_again(
    project: Project, operation: Operation, damage: bytes
) -> None:
    file = OperationFile(project)
    file.keep(operation)
    places.record(project).write_bytes(damage)
    assert read(project) is None
    assert running(project) is None
    file.keep(operation)
    assert read(project) == operation


def test_it_is_not_written_while_nothing_changes(project: Project, operation: Operation) -> None:
    file = OperationFile(project)
    file.keep(operation)
    before = places.record(project).stat()
    file.keep(operation)
    assert places.record(project).stat().st_ino == before.st_ino
    file.keep(replace(operation, secured=False))
    assert read(project) == replace(operation, secured=False)


def test_a_supervisor_whose_number_another_process_has_is_dead(project: Project, operation: Operation) -> None:
    earlier = KnownProcess(pid=os.getpid(), born=operation.supervisor.born - 3600)
    OperationFile(project).keep(replace(operation, supervisor=earlier))
    assert read(project) is not None
    assert running(project) is None
    assert page_of(project, "prefect") is None
