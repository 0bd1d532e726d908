"""`modelwright serve` as a process: answers, refusals, moves of the champion, ended processes, and its own end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tasks.monitoring.feedback import take_labels
from tasks.monitoring.watch import watch
from tasks.params.file import load_pipeline
from tasks.params.monitor import Monitor
from tasks.paths import Paths
from tasks.prediction_log.log import logged_keys, logged_rows, row_key_of
from tasks.prediction_log.places import predictions_folder
from tasks.scoring.job import score
from tasks.serving import registry_watch
from tasks.serving.process import ProcessPlan, start_process
from tasks.serving.registry_watch import WatchedNames, as_notice
from tasks.tracking import store
from tasks.tracking.registered import registered_model
from tests.projects import REPOSITORY
from tests.scoring.shop import HEADER, lines, request, write
from tests.serving.shop_server import KEY, ROW, Running, is_alive, move, registered_versions, running
from tests.trained import elsewhere
from tests.web_pages import shown

pytestmark = pytest.mark.chain

FEW = settings(
    max_examples=50 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""Of requests that are made up: a few in every run, and many with `make fuzz`."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**400), 1e308, 5e-324, "1e999", "NaN", "\ud800", "\0", "31.12.9999", "0001-01-01"])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.lists(st.integers(), max_size=2)
)
"""What JSON can hold in the place of a cell, and some of the values that libraries stumble over."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield registered_versions(root)


@pytest.fixture(scope="module")
def server(shop: Paths) -> Iterator[Running]:
    """Version 1 is live; whatever a test moves it moves back."""
    with running(
        shop, "--shadow", "challenger", "--max-mib", "0.1", "--timeout", "60", MODELWRIGHT_SERVE_KEY=KEY
    ) as server:
        yield server
        children, before = server.children(), num_logged(shop)
        assert server.predict([{**ROW, "kunde": f"last {number}"} for number in range(3)]).status_code == 200
    assert server.process.returncode == 0, server.log.read_text()
    assert not [pid for pid in children if is_alive(pid)]
    # What was answered just before the end is written before it.
    assert num_logged(shop) >= before + 3


def num_logged(shop: Paths) -> int:
    files = predictions_folder(shop).rglob("*.parquet")
    return sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)


def cells(rows: list[str]) -> list[dict[str, Any]]:
    return [dict(zip(HEADER.split(";")[1:], row.split(";")[1:], strict=True)) for row in rows]


def by_predict(shop: Paths, rows: list[str], tmp_path: Path, asked: str = "shop:1") -> pl.DataFrame:
    out = tmp_path / "out.parquet"
    asked_for = request(shop, write(tmp_path / "new.csv", rows), out, asked=asked)
    # Version 2 has no passport, and so no log.
    score(
        replace(
            asked_for, settings=load_pipeline(shop.project.params, "shop").model_copy(update={"monitor": Monitor()})
        )
    )
    return pl.read_parquet(out)


def test_answers_are_those_of_predict_to_the_last_bit(shop: Paths, server: Running, tmp_path: Path) -> None:
    rows = lines(90, seed=3)
    answer = server.predict({"rows": cells(rows)}, **{"with": "probabilities"}).json()
    expected = by_predict(shop, rows, tmp_path)
    assert [one["prediction"] for one in answer["answers"]] == expected["prediction"].to_list()
    for name in ("ja", "nein"):
        assert [one["probabilities"][name] for one in answer["answers"]] == expected[f"probability_{name}"].to_list()
    assert (answer["model"], answer["model_version"], answer["recipe"]) == ("shop", 1, expected["recipe"][0])
    assert "ignored" not in answer


def test_requests_that_are_answered_together_have_the_bits_that_each_has_alone(server: Running) -> None:
    rows = cells(lines(40, seed=4))
    alone = [server.predict([row], **{"with": "probabilities"}).json() for row in rows]
    together: dict[int, Any] = {}

    def ask(number: int) -> None:
        together[number] = server.predict([rows[number]], **{"with": "probabilities"}).json()

    before = server.metric("modelwright_batch_requests_count")
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(40)] == alone
    assert server.metric("modelwright_batch_requests_count") - before < 40, "some waited together"


def test_a_row_that_cannot_be_read_is_named_and_costs_no_other_request(server: Running) -> None:
    refused = server.predict([ROW, {**ROW, "alter": "alt", "umsatz": "viel"}, {**ROW, "seit": "99.99.2024"}])
    assert refused.status_code == 422
    first = "row 2: column alter: 'alt' is no number; give a number, or text such as 1.234,5"
    assert refused.json()["error"] == f"{first} (and 2 more problems)"
    problems = refused.json()["problems"]
    assert [(one["row"], one["column"]) for one in problems] == [(2, "alter"), (2, "umsatz"), (3, "seit")]
    missing = server.predict({"alter": 41, "Ort": "Ulm", "umsatz": 1})
    assert missing.status_code == 422
    assert [(one["row"], one["column"]) for one in missing.json()["problems"]] == [(1, "ort"), (1, "seit")]
    answered = server.predict({**ROW, "kunde": "K1"})
    assert (answered.status_code, answered.json()["ignored"]) == (200, ["kunde"])


def test_reasons_are_those_of_explain(server: Running) -> None:
    [one] = server.client.post("/explain", json=ROW).json()["explanations"]
    assert one["base"] + sum(reason["amount"] for reason in one["reasons"]) == pytest.approx(one["answer"])
    assert {reason["column"] for reason in one["reasons"]} == set(ROW)
    [answer] = server.predict(ROW, **{"with": "reasons,probabilities", "class": "ja"}).json()["answers"]
    assert {reason["column"] for reason in answer["reasons"]} == set(ROW)
    wrong = server.client.post("/explain", json=ROW, params={"class": "jein"})
    assert (wrong.status_code, wrong.json()["problems"][0]["row"]) == (422, None)
    refused = server.client.post("/explain", json=[ROW, {**ROW, "alter": "alt", "umsatz": "viel"}])
    assert [(one["row"], one["column"]) for one in refused.json()["problems"]] == [(2, "alter"), (2, "umsatz")]
    # The process of reasons ends by itself: the log says so, and the next one who asks is answered.
    [pid] = [pid for pid in server.children() if "explaining_process" in server.command_of(pid)]
    os.kill(pid, signal.SIGKILL)
    assert server.client.post("/explain", json=ROW).json()["explanations"] == [one]
    assert "reasons of shop version 1 (champion): a process ended (" in server.log.read_text()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predict", b"{", 400),
        ("POST", "/predict", b"x" * 200_000, 413),
        ("POST", "/predict", b"[]", 422),
        ("POST", "/predict", b'{"rows": "x"}', 422),
        ("POST", "/predict", b'[{"alter": 1, "alter": 2}]', 400),
        ("POST", "/predict", b'[{"alter": ' + b"9" * 5_000 + b"}]", 400),
        ("POST", "/predict?with=all", b"[{}]", 422),
        ("GET", "/predict", b"", 405),
        ("GET", "/nothing", b"", 404),
    ],
)
def test_what_cannot_be_answered_says_why(server: Running, method: str, path: str, body: bytes, status: int) -> None:
    answer = server.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_only_who_has_the_key_is_answered_and_health_is_open(server: Running) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as stranger:
        refused = stranger.post("/predict", json=ROW)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert stranger.get("/metrics").status_code == 401
        assert stranger.post("/predict", json=ROW, headers={"X-API-Key": KEY}).status_code == 200
        assert stranger.get("/health").json() == {"status": "ok"}
        assert stranger.get("/ready").json()["ready"]


def test_each_answer_is_wholly_one_versions_while_the_champion_moves(
    shop: Paths, server: Running, tmp_path: Path
) -> None:
    rows = lines(5, seed=5)
    expected = {}
    for version in (1, 2):
        table = by_predict(shop, rows, tmp_path, f"shop:{version}")
        expected[version] = (table["recipe"][0], table["probability_ja"].to_list())
    assert expected[1][1] != expected[2][1]
    answers: list[tuple[int, Any]] = []
    ended = threading.Event()

    def ask() -> None:
        # Not as fast as they can: the versions that are to start would wait for a core.
        while not ended.wait(0.1):
            answer = server.predict(cells(rows), **{"with": "probabilities"})
            answers.append((answer.status_code, answer.json()))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in (2, 1):
        move(shop, version)
        server.wait_for(live=version)
    ended.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    for _, answer in answers:
        own = (answer["recipe"], [one["probabilities"]["ja"] for one in answer["answers"]])
        assert own == expected[answer["model_version"]]
    assert {answer["model_version"] for _, answer in answers} == {1, 2}
    assert server.metric("modelwright_moves_total") >= 2


def test_a_version_that_fails_its_warm_up_does_not_go_live(shop: Paths, server: Running) -> None:
    move(shop, 3)
    for _ in range(1_000):
        if server.ready()["failed"]:
            break
        time.sleep(0.05)
    state = server.ready()
    assert (state["ready"], state["live"]) == (True, 1)
    assert state["failed"]["live"]["version"] == 3
    assert "model.skops" in state["failed"]["live"]["why"]
    assert server.predict(ROW).json()["model_version"] == 1
    assert server.metric("modelwright_failed_warm_ups_total") == 1
    move(shop, 1)
    server.wait_for(failed={})


def test_a_process_that_is_killed_is_started_again_and_its_requests_are_answered(server: Running) -> None:
    [pid] = [pid for pid in server.children() if "request_process" in server.command_of(pid)]
    before = server.metric("modelwright_restarts_total")
    os.kill(pid, signal.SIGKILL)
    # Until its place is taken, requests wait.
    assert server.predict(ROW).status_code == 200
    assert server.metric("modelwright_restarts_total") == before + 1
    assert not is_alive(pid)


def test_copies_of_requests_are_compared_and_the_champion_answers(shop: Paths, server: Running) -> None:
    move(shop, 2, "challenger")
    server.wait_for(challenger=2)
    # Version 2 says the same of all rows, and version 1 does not.
    for row in cells(lines(20, seed=6)):
        assert server.predict(row).json()["model_version"] == 1
    for _ in range(1_000):
        outcomes = {
            name: server.metric("modelwright_shadow_requests_total", outcome=name) for name in ("same", "other")
        }
        if sum(outcomes.values()) == 20:
            break
        time.sleep(0.02)
    assert sum(outcomes.values()) == 20
    assert all(outcomes.values())
    # Where both aliases are one version's, it runs once.
    move(shop, 1, "challenger")
    server.wait_for(challenger=None)


def test_answers_are_found_by_watch_and_their_labels_join(shop: Paths, server: Running, tmp_path: Path) -> None:
    rows = [dict(zip(HEADER.split(";"), row.split(";"), strict=True)) for row in lines(40, seed=9)]
    # As programs write it, the id of one row and the age of another.
    rows[0] |= {"kunde": 17, "alter": 33.0}
    for first in range(0, 40, 8):
        assert server.predict(rows[first : first + 8]).status_code == 200
    # Of a request that is refused, the row that cannot be read alone is one that was not answered.
    assert server.predict([rows[1], {**rows[2], "kunde": "K", "alter": "alt"}]).status_code == 422
    labels = write(tmp_path / "labels.csv", [f"{row['kunde']};ja" for row in rows], "kunde;kauft")
    model, block = registered_model(shop.project, "shop:1"), {"kind": "table", "path": str(labels), "separator": ";"}
    keys = row_key_of(shop.project, model).of(pl.DataFrame({"kunde": [*(str(row["kunde"]) for row in rows), "K"]}))
    for _ in range(1_000):
        if {*keys} <= {*logged_keys(shop)}:
            break
        time.sleep(0.05)
    now = datetime.now(UTC).replace(tzinfo=None)
    logged = logged_rows(shop, 1, now.date() - timedelta(days=1), now.date() + timedelta(days=1))
    assert logged is not None
    own = pl.DataFrame([keys]).join(logged, on="row_key", how="left", maintain_order="left")
    assert own.height == 41
    by_file = by_predict(shop, lines(40, seed=9), tmp_path)
    assert own["answer"].struct.field("probability_ja").to_list()[1:40] == by_file["probability_ja"].to_list()[1:]
    assert own["error"].to_list() == [None] * 40 + ["unreadable"]
    assert own["row"].struct.field("umsatz")[0] == float(rows[0]["umsatz"].replace(".", "").replace(",", "."))
    assert own["row"].struct.field("alter")[0] == 33
    assert own["latency_ms"].min() > 0
    assert server.metric("modelwright_logged_rows_total", outcome="dropped") == 0
    assert take_labels(shop.project, model, block).num_new == 40
    look = watch(shop.project, model, now + timedelta(days=2)).look
    assert sum(window.num_rows for window in look.rows) >= 41
    assert sum(window.num_rows for window in look.labels) == 40


def test_metrics_are_what_prometheus_reads(server: Running) -> None:
    before = server.metric("modelwright_requests_total", route="/predict", status="200")
    rows = server.metric("modelwright_rows_total", version="1")
    server.predict([ROW, ROW])
    assert server.metric("modelwright_requests_total", route="/predict", status="200") == before + 1
    assert server.metric("modelwright_rows_total", version="1") == rows + 2
    assert server.metric("modelwright_version", role="live") == 1
    assert server.metric("modelwright_request_seconds_count", route="/predict") > before


def test_the_document_names_the_columns_and_what_they_take(server: Running) -> None:
    document = server.client.get("/openapi.json").json()
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == list(ROW)
    assert row["properties"]["alter"]["description"] == "number: a number, or text such as 1.234,5"
    assert document["info"] == {**document["info"], "title": "shop", "version": "1"}
    assert {"bearer": []} in document["security"]


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_requests_that_are_made_up_by_the_document_are_answered_as_it_says(server: Running, path: str) -> None:
    headers = {"X-API-Key": KEY}
    # Whoever asks for reasons first waits for the process that gives them.
    assert server.client.post("/explain", json=ROW).status_code == 200
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json", headers=headers)

    @FEW
    @given(case=schema[path]["POST"].as_strategy())
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=60)

    check()


@FEW
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, VALUES)), min_size=1, max_size=3))
def test_no_value_is_a_failure_of_the_server(server: Running, rows: list[dict[str, Any]]) -> None:
    answer = server.client.post("/predict", content=json.dumps(rows), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert len(answer.json()["answers"]) == len(rows)
    else:
        assert {problem["column"] for problem in answer.json()["problems"]} <= set(ROW)


def test_the_page_opens_in_a_browser_and_asks_nobody_else(server: Running, tmp_path: Path) -> None:
    page = server.client.get("/").text
    assert not re.findall(r"(?:src|href)=[\"'](?!/openapi.json)", page)
    assert "<script" not in page
    file = tmp_path / "page.html"
    file.write_text(page)
    dom = shown(file.as_uri(), tmp_path / "profile", seconds=1)
    assert "shop version 1" in dom
    assert "text such as 1.234,5" in dom


def test_the_commands_of_the_page_answer_as_it_shows(server: Running) -> None:
    text = (REPOSITORY / "docs" / "serve.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(\$ curl.*?)```", text, re.DOTALL)
    commands = [one.replace("\n>", "") for block in blocks for one in re.findall(r"\$ (curl(?:.*\\\n>)*.*)", block)]
    assert len(commands) == 5
    for command in commands:
        own = command.replace("http://127.0.0.1:8000", server.address).replace("\\ ", " ")
        called = ["bash", "-c", own.replace("curl ", f"curl -s -H 'X-API-Key: {KEY}' ", 1)]
        answer = json.loads(subprocess.run(called, capture_output=True, text=True, check=True).stdout)
        assert answer["problems"][0]["column"] == "alter" if '"alt"' in own else answer["answers"][0]["prediction"]


def at_once(server: Running, request: bytes, count: int) -> list[tuple[int, bytes]]:
    """Status and headers of the answers to requests that come together on one connection, faster than a client asks."""
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request * count)
        content = b""
        while content.count(b"HTTP/1.1 ") < count or not content.endswith(b"}"):
            content += connection.recv(65_536)
    answers = content.split(b"HTTP/1.1 ")[1:]
    return [(int(answer[:3]), answer.partition(b"\r\n\r\n")[0] + b"\r\n") for answer in answers]


def test_a_server_waits_splits_by_the_requests_id_bounds_the_rate_and_leaves_no_process_when_killed(
    shop: Paths,
) -> None:
    move(shop, 2, "challenger")
    store.connect(shop.project).delete_registered_model_alias("shop", "champion")
    with running(
        shop, "--split", "challenger=50", "--rate", "50", "--workers", "2", "--wait", "--timeout", "60"
    ) as server:
        # Until there is a champion, whoever asks is told so; it is no reason to end.
        waits = server.client.post("/predict", json=ROW)
        assert (waits.status_code, waits.headers["Retry-After"]) == (503, "5")
        assert "champion" in waits.json()["error"]
        assert server.client.get("/health").status_code == 200
        assert server.client.get("/ready").status_code == 503
        move(shop, 1)
        server.wait_for(live=1, challenger=2)
        ids = [str(number) for number in range(15)]
        versions = [server.client.post("/predict", json=ROW, headers={"X-Request-Id": one}).json() for one in ids]
        again = [server.client.post("/predict", json=ROW, headers={"X-Request-Id": one}).json() for one in ids]
        assert versions == again
        assert {one["model_version"] for one in versions} == {1, 2}
        # The watch of the registry, the log of answers, which the first answers start, and two of each version.
        for _ in range(600):
            children = server.children()
            if len(children) == 6:
                break
            time.sleep(0.05)
        assert len(children) == 6
        # One of two dies, and nobody waits until its place is taken.
        os.kill(next(pid for pid in children if "request_process" in server.command_of(pid)), signal.SIGKILL)
        time.sleep(0.2)
        assert {server.predict(ROW).status_code for _ in range(3)} == {200}
        answers = at_once(server, b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n[]", 600)
        assert {status for status, _ in answers} == {422, 429}
        limited = next(headers for status, headers in answers if status == 429)
        assert b"retry-after: 1\r\n" in limited.lower()
        children = server.children()
        server.process.kill()
        server.process.wait()
    for _ in range(600):
        if not any(map(is_alive, children)):
            break
        time.sleep(0.05)
    assert not any(map(is_alive, children))


def test_the_watch_of_the_registry_looks_at_once_when_it_is_told_to(shop: Paths) -> None:
    watch = WatchedNames(root=str(shop.project.root), live="shop", challenger=None, seconds=3_600, offline=False)
    plan = ProcessPlan(
        script=Path(registry_watch.__file__),
        arguments=[json.dumps(asdict(watch))],
        environment=os.environ,
        folder=shop.project.root,
        scratch=shop.project.root / "scratch",
    )

    async def versions() -> list[int]:
        watcher = await start_process(plan)
        notices = [as_notice(dict(watcher.ready))]
        for version in (2, 1):
            await asyncio.to_thread(move, shop, version)
            # A second message about the same move changes nothing.
            await watcher.tell("look")
            await watcher.tell("look")
            notices.append(as_notice(await asyncio.wait_for(watcher.reply(), 60)))
        await watcher.close()
        return [notice.model.version for notice in notices if notice.model is not None]

    assert asyncio.run(versions()) == [1, 2, 1]
