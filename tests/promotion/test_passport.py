from __future__ import annotations

import json

from tasks.params.file import load_pipeline
from tasks.promotion.passport import passport
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tests.trained import PARAMS


def test_a_passport_is_plain_json_and_the_same_each_time(tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMS)
    source = SourceRecord(kind="table", location="data.csv", digest="d" * 64)
    column = Column(name="label", type="category", role="target")

    def text() -> str:
        content = passport(
            "mixed",
            pipeline=load_pipeline(tmp_path / "params.yaml", "mixed"),
            dataset=Dataset(columns=(column,), task="binary", num_rows=3, source=source),
            digests={"model": "m"},
            rows={"ingest": 3},
            row_key={"names": ["x"], "content": ["x"]},
            metrics={"accuracy": 1.0},
            requirements=["scikit-learn"],
            root=tmp_path,
        )
        return json.dumps(content)

    content = json.loads(text())
    assert text() == json.dumps(content)
    assert content["parameters"]["register"]["metric"] == "accuracy"
    assert content["source"]["digest"] == "d" * 64
    assert "scikit-learn" in content["packages"]
