"""A server asks both versions, labels come, a look decides, and the server answers by the new champion."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.command import cli
from tasks.monitoring.watch import keep_reference
from tasks.monitoring.windows import DAY
from tasks.paths import Paths
from tasks.prediction_log.log import logged_rows
from tests.monitoring.shadowed import answered_in_this_process, retrained, rows, shadowed_shop
from tests.scoring.shop import HEADER, write
from tests.serving.shop_server import KEY, running
from tests.trained import elsewhere

pytestmark = [pytest.mark.chain, pytest.mark.timeout(300)]

NUM_ROWS, ROWS_A_REQUEST = 160, 8


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """Version 1 is champion, and version 2 is challenger until live rows decide."""
    with elsewhere(tmp_path_factory, empty_store) as root, answered_in_this_process():
        paths = shadowed_shop(root)
        keep_reference(paths)
        assert retrained(paths, "C: 0.5").figure == "shop version 2, challenger"
        yield paths


def wait_until_logged(shop: Paths, version: int) -> None:
    today = datetime.now(UTC).date()
    for _ in range(600):
        log = logged_rows(shop, version, today - DAY, today + DAY)
        if log is not None and log.height == NUM_ROWS:
            return
        time.sleep(0.1)
    raise AssertionError(f"version {version}: {0 if log is None else log.height} of {NUM_ROWS} answers are logged")


@pytest.mark.long
def test_a_shadow_proves_itself_by_what_a_server_asked_and_the_server_follows_the_verdict(
    shop: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.project.root)
    live = rows(7, NUM_ROWS)
    requests = [dict(zip(HEADER.split(";"), line.split(";"), strict=False)) for line in live]
    with running(shop, MODELWRIGHT_SERVE_KEY=KEY) as server:
        server.wait_for(live=1, challenger=2)
        for first in range(0, NUM_ROWS, ROWS_A_REQUEST):
            reply = server.predict(requests[first : first + ROWS_A_REQUEST])
            assert (reply.status_code, reply.json()["model_version"]) == (200, 1), reply.text
        # Copies are asked when the processor is free, and answers are written every some seconds.
        wait_until_logged(shop, 1)
        wait_until_logged(shop, 2)
        labels = write(shop.project.root / "labels.csv", [";".join(row.split(";")[::5]) for row in live], "kunde;kauft")
        assert cli.main(["feedback", "shop", str(labels)]) == 0
        capsys.readouterr()
        assert cli.main(["watch", "shop", "--json"]) == 0
        outcome = json.loads(capsys.readouterr().out)["shadow"]
        assert (outcome["state"], outcome["verdict"]["decision"]) == ("promoted", "promote"), outcome
        assert outcome["num_common"] == outcome["num_labelled"] == NUM_ROWS
        # Its process as a challenger ends: it would be asked for nobody.
        server.wait_for(live=2, challenger=None)
        assert server.metric("modelwright_version", role="challenger") == 0
        assert server.predict(requests[:1]).json()["model_version"] == 2
