"""docs/deploy.md: a backup is restored as it says, and what cannot be run here holds no secret and no loose end."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ruamel.yaml import YAML

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking import store
from tests.postgres import PASSWORD, running_postgres
from tests.projects import REPOSITORY
from tests.registry import NAME, project_with_versions

PAGE = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
COMPOSE = (REPOSITORY / "mlflow" / "compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = REPOSITORY / "Dockerfile"


def commands(*programs: str) -> list[list[str]]:
    """The page's own command lines of these programs, in their order."""
    lines = re.findall(r"^\$ (.+)$", PAGE, flags=re.MULTILINE)
    return [words for words in map(shlex.split, lines) if words[0] in programs]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose registry is a database of PostgreSQL, with three versions and some moves of aliases."""
    with running_postgres() as postgres:
        reached = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "owner", "PGPASSWORD": PASSWORD}
        for name, value in reached.items():
            monkeypatch.setenv(name, value)
        postgres.run("CREATE DATABASE mlflow", "CREATE DATABASE prefect")
        address = f"postgresql+psycopg://owner:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres.port}/mlflow"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.chdir(tmp_path)
        project = project_with_versions(tmp_path, None, num_versions=3)
        for version in ("1", "3"):
            assert main(["promote", NAME, version, "--because", f"version {version}, by a test"]) == 0
        yield project


def registry(project: Project) -> dict[str, Any]:
    """All that the registry knows of the model."""
    client = store.connect(project)
    versions = {version.version: dict(version) for version in client.search_model_versions(f"name='{NAME}'")}
    model = client.get_registered_model(NAME)
    return {"versions": versions, "aliases": dict(model.aliases), "tags": dict(model.tags)}


@pytest.mark.chain
def test_a_wiped_registry_is_whole_again_after_the_commands_of_the_page(
    served: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = registry(served)
    assert set(before["versions"]) == {1, 2, 3}
    assert str(before["aliases"]["champion"]) == "3"
    capsys.readouterr()
    assert main(["history", NAME, "--verify", "--json"]) == 0
    [head] = json.loads(capsys.readouterr().out)["heads"]
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))[-1]

    def run(words: list[str]) -> None:
        subprocess.run([str(binaries / words[0]), *words[1:]], check=True, cwd=served.root)

    backups = commands("pg_dump")
    assert [words[-1] for words in backups] == ["mlflow", "prefect"]
    for words in backups:
        run(words)
    [drop, create, restore] = commands("dropdb", "createdb", "pg_restore")
    run(drop)
    run(create)
    assert main(["history", NAME, "--verify", "--head", head]) == 2
    run(drop)
    run(create)
    run(restore)
    assert registry(served) == before
    assert main(["history", NAME, "--verify", "--head", head]) == 0
    assert main(["rollback", NAME, "--because", "the restored registry can be written"]) == 0
    assert str(registry(served)["aliases"]["champion"]) == "1"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(COMPOSE)["services"])


def test_every_variable_of_compose_is_set_by_the_commands_of_the_page() -> None:
    block = PAGE.split("$ cd mlflow\n")[1].split("```")[0]
    lines = [line.removeprefix("$ ") for line in block.splitlines() if ".env" in line]
    folder = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=folder, check=True)
        written = (Path(folder) / ".env").read_text()
        assert (Path(folder) / ".env").stat().st_mode & 0o777 == 0o600
    finally:
        shutil.rmtree(folder)
    values = dict(line.split("=", 1) for line in written.splitlines())
    assert set(values) == set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE))
    secrets = [value for name, value in values.items() if name.endswith(("_PASSWORD", "_KEY"))]
    assert len(set(secrets)) == len(secrets) == 5
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret) for secret in secrets)
    # Left out, it is no empty password: compose refuses.
    assert re.findall(r"(?<!\$)\$\{\w+\}", COMPOSE) == []


def test_no_secret_stands_in_what_git_has(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY$|SECRET|AUTH_STRING", name) and not name.endswith("KEY_ID"):
                assert "${" in value, name
    ignored = subprocess.run(["git", "check-ignore", "mlflow/.env"], cwd=REPOSITORY, capture_output=True)
    kept = subprocess.run(["git", "check-ignore", "mlflow/compose.yaml"], cwd=REPOSITORY, capture_output=True)
    assert (ignored.returncode, kept.returncode) == (0, 1)


def test_only_caddy_can_be_reached_and_every_image_has_a_version(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    images = {service["image"] for service in services.values()} - {"modelwright"}
    assert [image for image in images if not re.search(r":\D*\d+\.\d|:RELEASE", image)] == []


def test_services_wait_for_services_that_there_are_and_use_volumes_that_there_are(services: dict[str, Any]) -> None:
    content = YAML(typ="safe").load(COMPOSE)
    waited = {name for service in services.values() for name in service.get("depends_on", ())}
    assert waited <= set(services)
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {volume for volume in volumes if not volume.startswith("$")} == set(content["volumes"])
    configs = {config["source"] for service in services.values() for config in service.get("configs", ())}
    assert configs == set(content["configs"])


def test_the_servers_know_their_options(services: dict[str, Any]) -> None:
    from mlflow.cli import server
    from prefect.cli.server import start

    known = {
        "mlflow": {option for parameter in server.params for option in parameter.opts},
        "prefect": {f"--{name}" for name in inspect.signature(start).parameters},
    }
    for service, options in known.items():
        used = {word.split("=")[0] for word in services[service]["command"] if word.startswith("--")}
        assert used
        assert used <= options


def test_the_dockerfile_passes_its_linter_and_copies_what_there_is() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    text = DOCKERFILE.read_text()
    copied = [name for line in re.findall(r"^COPY (?!--)(.+)$", text, flags=re.MULTILINE) for name in line.split()[:-1]]
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []
    allowed = re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert re.findall(r"^USER (.+)$", text, flags=re.MULTILINE) == ["10001"]
