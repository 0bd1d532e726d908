"""The flow `scoring` on a real test server: the answers of the command, and a table on its page."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.scoring.shop import lines, registered_shop, write
from tests.trained import elsewhere

pytestmark = pytest.mark.chain


def test_new_rows_are_answered_and_the_page_has_a_table(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.artifacts import Artifact
    from prefect.testing.utilities import prefect_test_harness

    from flows.scoring import scoring

    with elsewhere(tmp_path_factory, empty_store) as root, prefect_test_harness(server_startup_timeout=120):
        registered_shop(root)
        monkeypatch.chdir(root)
        write(root / "neu.csv", [*lines(20, seed=4), "K;alt;Ulm;1,00;01.01.2024"])
        outcome = scoring(model="shop", source="neu.csv", out="answers.csv")
        assert (outcome["num_rows"], outcome["num_answered"], outcome["num_quarantined"]) == (21, 20, 1)
        assert pl.read_csv(root / "answers.csv").height == 20
        artifact = Artifact.get("scoring-shop")
        assert artifact is not None
        rows = {row["what"]: row["rows"] for row in json.loads(str(artifact.data))}
        assert (rows["rows"], rows["answered"], rows["in quarantine"], rows["quarantined by"]) == (21, 20, 1, 1)
        monkeypatch.chdir(Path(root) / "elsewhere")
