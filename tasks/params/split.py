"""The split section of params.yaml: which rows are for training, for validation and for the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.params.config import Config, Share

Size = Annotated[float, Field(ge=0)]
"""Below 1 a share; a whole number from 1 on a count of rows."""


def _two_at_least(folds: int) -> int:
    if folds == 1:
        raise ValueError("one fold leaves nothing to learn from; write 0 for none, or 2 and more")
    return folds


Folds = Annotated[int, Field(ge=0, le=100), AfterValidator(_two_at_least)]
_FOLDS = "k folds over the train rows, for cross validation: all from clean to train once more for each; 0 is none"


def _columns_once(key: tuple[str, ...]) -> tuple[str, ...]:
    if not key:
        raise ValueError("an empty key tells no rows apart; name columns, or leave key out")
    if len(set(key)) < len(key):
        raise ValueError(f"key names {next(name for name in key if key.count(name) > 1)} twice; name each column once")
    return key


Key = Annotated[tuple[str, ...], AfterValidator(_columns_once)]


class KeyedSplit(Config):
    """What splits by a hash have in common: a row's part depends on its key alone."""

    key: Key | None = Field(
        None,
        description="columns whose values decide a row's part, so that no new row or column moves it; when not given: "
        "images and sounds, or else ids, or else all features",
    )
    seed: int = Field(0, ge=0, description="another seed is another split")
    folds: Folds = Field(0, description=_FOLDS)


class SizedSplit(Config):
    """What splits that cut the rows themselves have in common."""

    validation: Size = Field(0.15, gt=0, description="for validation: a share below 1, or a count of rows")
    test: Size = Field(0.15, gt=0, description="for the test: a share below 1, or a count of rows")

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> SizedSplit:
        for name in ("validation", "test"):
            size = getattr(self, name)
            if size >= 1 and size != int(size):
                raise ValueError(f"{name} {size:g} is neither a share below 1 nor a whole number of rows")
        if sum(size for size in (self.validation, self.test) if size < 1) >= 1:
            raise ValueError("validation and test together leave no rows to train on; make their sum smaller than 1")
        return self


class HashSplit(KeyedSplit, SizedSplit):
    """By a stable hash of the row's key: a row never moves to another part when data grows (shares, not counts).

    Shares hold for each class in expectation; counts are exact, and each class gets its share of them. Identical rows
    stay together, which can move a count by some rows.
    """

    kind: Literal["hash"] = "hash"
    repeats: Literal["together", "apart"] = Field(
        "together",
        description="rows of the same key: all in one part, or each in its own as if it had an id, for tables without "
        "ids in which equal rows are events of their own (`clean.duplicates: keep`)",
    )


class GroupSplit(KeyedSplit, SizedSplit):
    """Rows of one group stay together: by a stable hash of the group's name, so that a group never moves.

    Shares are those of the groups, in expectation. Counts are of rows, as near as whole groups come, and no part is
    empty: better where groups are few. A row without a group is one of its own, by its key.
    """

    kind: Literal["group"]
    column: str | None = Field(
        None, description="names each row's group; the column with the role group when not given"
    )


class TimeSplit(SizedSplit):
    """The latest rows are the test, those before them validation; rows of one instant stay together.

    Sizes are exact but for that. There are no folds: what came later would be learnt from.
    """

    kind: Literal["time"]

    @model_validator(mode="before")
    @classmethod
    def _without_folds(cls, content: Any) -> Any:
        if isinstance(content, Mapping) and "folds" in content:
            raise ValueError(
                "a split by time has no folds, as what came later would be learnt from; take `folds` out, or split by "
                "kind: hash or group"
            )
        return content

    column: str | None = Field(
        None, description="says when, as timestamp or number; the column with the role time when not given"
    )


class GivenSplit(KeyedSplit):
    """The data say it: a column that holds train, validation or test. Separate test files make such a column.

    Where the test rows are later than all others, write `validation_by: time`: validation rows drawn at random would
    have neighbours in time among those that are learnt from, as the test rows have none. There are no folds then.
    """

    kind: Literal["given"]
    column: str = Field(
        "split", description="names each row's part; give a column of your own the role split in ingest.columns"
    )
    validation: Share = Field(
        0.15,
        description="share of the train rows that goes to validation when the data bring no such rows",
    )
    test: Share = Field(0.0, description="share of the train rows that goes to test, likewise")
    validation_by: Literal["key", "time"] = Field(
        "key",
        description="which of the train rows these shares are: key: by a hash of the key and the seed; time: the "
        "newest, by the column with the role time, those for the test last",
    )

    @model_validator(mode="after")
    def _without_folds_in_time(self) -> GivenSplit:
        if self.validation_by == "time" and self.folds:
            raise ValueError(
                "where validation goes by time there are no folds, as what came later would be learnt from; take "
                "`folds` out, or write `validation_by: key`"
            )
        return self


def goes_by_time(config: HashSplit | GroupSplit | TimeSplit | GivenSplit) -> bool:
    """Whether the newest rows are held out: then no row may be judged by a model that learnt from later ones."""
    return isinstance(config, TimeSplit) or (isinstance(config, GivenSplit) and config.validation_by == "time")


Split = Annotated[HashSplit | GroupSplit | TimeSplit | GivenSplit, Field(discriminator="kind")]
