"""The sources of params.yaml, typed: where a pipeline's rows come from, one class a `kind`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.params.config import Config

BuiltinName = Literal["breast_cancer", "diabetes", "digits", "iris", "wine"]
TableFormat = Literal["auto", "csv", "parquet", "jsonl", "arrow", "excel"]

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Secrets stand in the environment; params.yaml names the variable."""


MaxUnpacked = Annotated[
    int | None,
    Field(
        ge=1,
        description="the most MiB that a packed file, also an Excel file, may unpack to; "
        "not given: 256, or 200 times what it is packed",
    ),
]
"""A few kibibytes may unpack to terabytes."""


class BuiltinSource(Config):
    """A small real data set that scikit-learn brings along."""

    kind: Literal["builtin"]
    name: BuiltinName = Field(description="which of scikit-learn's bundled data sets")


class TableSource(Config):
    """Rows in files: CSV, TSV, Parquet, JSON lines, Arrow or Excel; one file, a glob, a folder; packed or not."""

    kind: Literal["table"]
    path: str = Field(
        min_length=1, description="a file, a glob, a folder, or a .zip or .gz; relative paths start at the project root"
    )
    validation_path: str | None = Field(
        None, description="the rows to validate on, when they come as files of their own; wants split.kind given"
    )
    test_path: str | None = Field(
        None, description="the rows to test on, when they come as files of their own; wants split.kind given"
    )
    format: TableFormat = Field("auto", description="auto: by the file's name, else by how it begins")
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="CSV: what stands between cells; found out when not given"
    )
    quoting: Literal["auto", "double", "none"] = Field("auto", description="CSV: whether cells stand in double quotes")
    encoding: str | None = Field(None, description="CSV: such as utf-8, utf-16 or cp1252; found out when not given")
    header: bool | None = Field(
        None, description="CSV: whether the first line names the columns; found out when not given"
    )
    skip_lines: int = Field(0, ge=0, description="CSV, Excel: lines above the header that are no rows, such as a title")
    names: tuple[str, ...] | None = Field(None, description="column names, in order, for a file without a header")
    comment: str | None = Field(
        None, min_length=1, max_length=8, description="CSV: lines that begin with this are no rows"
    )
    decimal: Literal[".", ","] = Field(".", description="CSV: what stands before a number's fraction")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None,
        description="CSV: what stands between groups of three digits in a number; "
        "a blank means one that does not break, or is thin, as well, and an apostrophe a curved one",
    )
    sheet: str | None = Field(None, description="Excel: the sheet; needed when the file has several with rows")
    missing: tuple[str, ...] = Field(("",), description="cells that stand for a missing value")
    append: bool = Field(
        False, description="files are only ever added: rows of a file that was read before are not read again"
    )
    max_unpacked_mib: MaxUnpacked = None

    @model_validator(mode="after")
    def _marks_differ(self) -> TableSource:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign; make them differ")
        return self


class IdxSource(Config):
    """Images and labels in MNIST's IDX format, plain or .gz; files of their own for the test, or none."""

    kind: Literal["idx"]
    images: str = Field(min_length=1, description="the IDX file of images: [N, height, width] unsigned bytes")
    labels: str = Field(min_length=1, description="the IDX file of labels: [N]")
    test_images: str | None = Field(None, description="the test images; wants split.kind given")
    test_labels: str | None = Field(None, description="the labels of the test images")
    max_unpacked_mib: MaxUnpacked = None

    @model_validator(mode="after")
    def _tests_come_in_pairs(self) -> IdxSource:
        if (self.test_images is None) != (self.test_labels is None):
            raise ValueError("give both test_images and test_labels, or neither")
        return self


class FolderSource(Config):
    """Images or recordings in a folder or a .zip: classes as subfolders, or in a CSV file of labels."""

    kind: Literal["folder"]
    path: str = Field(min_length=1, description="the folder, or a .zip of it")
    validation_path: str | None = Field(
        None, description="the folder of the files to validate on; wants split.kind given"
    )
    test_path: str | None = Field(None, description="the folder of the test files; wants split.kind given")
    content: Literal["auto", "image", "audio"] = Field("auto", description="auto: by the files' names")
    labels: str | None = Field(
        None,
        description="a CSV file with a column `file` (paths below the folder) and others; subfolders when not given",
    )
    pattern: str | None = Field(
        None,
        description="a regular expression whose named groups make columns of a file's path, such as "
        "`(?P<digit>\\d)_(?P<speaker>\\w+)_`",
    )
    max_unpacked_mib: MaxUnpacked = None

    @model_validator(mode="after")
    def _one_way_to_label(self) -> FolderSource:
        if self.labels and self.pattern:
            raise ValueError("give labels or pattern, not both")
        if self.pattern and not _named_groups(self.pattern):
            raise ValueError("pattern has no named group, such as (?P<label>...); name what shall become a column")
        return self


class TextSource(Config):
    """Documents: a file each or a line each; labelled by folder or by file."""

    kind: Literal["text"]
    path: str = Field(min_length=1, description="a file, a glob, a folder, or a .zip")
    validation_path: str | None = Field(None, description="the documents to validate on; wants split.kind given")
    test_path: str | None = Field(None, description="the documents of the test; wants split.kind given")
    document: Literal["auto", "file", "line"] = Field(
        "auto", description="what one row is; auto: a file when subfolders hold the files, else a line"
    )
    label: Literal["auto", "folder", "file", "none"] = Field(
        "auto", description="what names the class: the first folder that a file lies in, or the file"
    )
    encoding: str | None = Field(None, description="such as utf-8 or cp1252; found out when not given")
    max_unpacked_mib: MaxUnpacked = None

    @model_validator(mode="after")
    def _files_are_no_classes_of_their_own(self) -> TextSource:
        if self.document == "file" and self.label == "file":
            raise ValueError(
                "label: file makes each document a class of its own; set label to folder, or document to line"
            )
        return self


class SqlSource(Config):
    """The rows of a query, streamed from any database that SQLAlchemy knows."""

    kind: Literal["sql"]
    url: str = Field(min_length=1, description="SQLAlchemy's URL, without a password: postgresql://me@host/shop")
    query: str = Field(min_length=1, description="one SELECT; ORDER BY a unique column keeps the rows' order")
    password_env: EnvironmentName | None = Field(None, description="the environment variable that holds the password")


class UrlSource(Config):
    """One file fetched from http, https or whatever fsspec opens; then read as another source."""

    kind: Literal["url"]
    url: str = Field(
        min_length=1,
        description="such as https://example.org/rows.csv.gz, or s3://bucket/rows.parquet; in the query, {NAME} stands "
        "for the environment variable of that name, so that no key stands here",
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="what the file must be, as hexadecimal digits"
    )
    size: int | None = Field(None, ge=0, description="what the file must be, in bytes")
    token_env: EnvironmentName | None = Field(
        None, description="the environment variable that holds a bearer token for http and https"
    )
    max_fetched_mib: int = Field(
        10_240, ge=1, description="the most MiB that are fetched when `size` does not say what the file must be"
    )
    max_unpacked_mib: MaxUnpacked = None
    retries: int = Field(4, ge=0, le=20, description="how often a fetch that broke off is taken up again")
    content: TableSource | FolderSource | TextSource | None = Field(
        None,
        discriminator="kind",
        description="how the file is read, its path being the name that the fetched file gets here; "
        "a table named as in the URL when not given",
    )

    @model_validator(mode="after")
    def _content_is_the_one_file(self) -> UrlSource:
        content = self.content
        if content is None:
            return self
        # The fetched file is written under this name: a folder in it would lead out of the downloads.
        if PurePosixPath(content.path).name != content.path or content.path.startswith("."):
            raise ValueError("content.path names a folder or a hidden file; give the fetched file a plain name")
        if has_test_files(content) or getattr(content, "append", False):
            raise ValueError("content has test_path, validation_path or append, and one file is fetched; take it out")
        return self

    @model_validator(mode="after")
    def _token_is_for_the_web(self) -> UrlSource:
        if self.token_env and not self.url.startswith(("http://", "https://")):
            raise ValueError("token_env is for http and https; other stores read their own environment variables")
        return self


Source = Annotated[
    BuiltinSource | TableSource | IdxSource | FolderSource | TextSource | SqlSource | UrlSource,
    Field(discriminator="kind"),
]


def _named_groups(pattern: str) -> Iterable[str]:
    try:
        return re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"pattern is no regular expression: {error}") from None


def has_test_files(source: Source) -> bool:
    """Whether the source brings separate files for test or validation, so that split has nothing to draw."""
    match source:
        case TableSource() | FolderSource() | TextSource():
            return bool(source.test_path or source.validation_path)
        case IdxSource():
            return source.test_images is not None
        case BuiltinSource() | SqlSource() | UrlSource():
            return False
