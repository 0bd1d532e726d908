"""Every broken file of the corpus: one clear message, or one row in quarantine; never a lost or a changed row."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from tasks import clean, ingest
from tasks.errors import UserError
from tasks.params.clean import Clean
from tasks.params.ingest import Ingest
from tasks.paths import Paths
from tasks.sources import source
from tasks.tables import storage
from tasks.tables.quarantine import REASON, RULE
from tests.bad_input.delimited_files import JSON, ODD_TEXTS, TEXTS
from tests.bad_input.media_files import IDX, LABELS, PICTURE_FILES, SOUND_FILES
from tests.bad_input.outcomes import Broken, Quarantined, Read, Refused
from tests.bad_input.packed_files import ARCHIVES
from tests.bad_input.typed_files import TYPED
from tests.projects import files_below
from tests.small_tables import pipeline_in, place, write_split

pytestmark = pytest.mark.timeout(60)

CORPUS = TEXTS | ODD_TEXTS | JSON | ARCHIVES | TYPED | IDX | PICTURE_FILES | SOUND_FILES | LABELS
LONGEST_MESSAGE = 500


def named(kind: type[Refused | Quarantined | Read]) -> list[str]:
    return [name for name, broken in CORPUS.items() if isinstance(broken.outcome, kind)]


def config_of(broken: Broken, folder: Path) -> Ingest:
    return Ingest.model_validate({"source": broken.write(folder), "target": broken.target})


def rows_of(config: Ingest, folder: Path) -> pl.DataFrame:
    return pl.concat(source(config.source, place(folder)).parts())


def cleaned(paths: Paths) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is left and what is in quarantine; all that ingest left may pass."""
    write_split(paths, list(storage.read_parts(paths.raw)))
    with patch.object(clean, "check_classes"):
        clean.run(Clean(max_quarantined=0.99), paths)
    return storage.read_table(paths.clean("train")), storage.read_table(paths.quarantine("clean"))


@pytest.mark.parametrize("name", named(Refused))
def test_a_broken_file_gets_one_message_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    broken = CORPUS[name]
    assert isinstance(broken.outcome, Refused)
    config, paths = config_of(broken, tmp_path), pipeline_in(tmp_path)
    with pytest.raises(UserError) as caught:
        ingest.run(config, paths)
    message = str(caught.value)
    assert message.startswith(broken.outcome.where)
    assert broken.outcome.what in message
    assert broken.outcome.cure in message
    assert message.isprintable(), "line breaks and control signs are noise, or an attack on the terminal"
    assert len(message) < LONGEST_MESSAGE
    assert not files_below(paths.data)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name == "10,000 columns" else name for name in named(Read)]
)
def test_a_file_that_only_looks_broken_comes_through_cell_by_cell(tmp_path: Path, name: str) -> None:
    broken = CORPUS[name]
    assert isinstance(broken.outcome, Read)
    config, paths = config_of(broken, tmp_path), pipeline_in(tmp_path)
    ingest.run(config, paths)
    assert rows_of(config, tmp_path).rows() == broken.outcome.rows
    assert storage.count_rows(paths.raw) == len(broken.outcome.rows)


@pytest.mark.parametrize("name", named(Quarantined))
def test_a_broken_row_goes_to_quarantine_and_the_others_stay_as_they_are(tmp_path: Path, name: str) -> None:
    broken = CORPUS[name]
    assert isinstance(broken.outcome, Quarantined)
    config, paths = config_of(broken, tmp_path), pipeline_in(tmp_path)
    ingest.run(config, paths)
    raw = rows_of(config, tmp_path)
    assert storage.read_table(paths.raw).equals(raw)
    good, bad = cleaned(paths)
    assert bad.select(RULE, REASON).rows() == [(broken.outcome.rule, broken.outcome.reason)]
    is_broken = raw["file"].str.contains("broken")
    assert good.equals(raw.filter(~is_broken))
    assert bad.select(raw.columns).equals(raw.filter(is_broken))
