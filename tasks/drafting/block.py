"""The block of a pipeline as YAML that a person would write, with its reasons as comments beside it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.drafting.findings import Finding, by_weight
from tasks.drafting.model import ModelChoice
from tasks.drafting.splits import SplitChoice
from tasks.drafting.target import TargetGuess

_STEP = 2
# More than a person reads above a source; `init` prints all of them.
_MOST_COMMENTS = 15
_WHY_SETTINGS = {
    "separator": "found out: what stands between cells",
    "encoding": "found out from the bytes",
    "header": "whether the first line names the columns",
    "skip_lines": "lines above the header that are no rows",
    "names": "the file names no columns: write better ones here",
    "quoting": "whether cells stand in double quotes",
    "comment": "lines that begin so are no rows",
    "decimal": "how numbers are written",
    "thousands": "how numbers are written",
    "missing": "cells that stand for a missing value",
    "sheet": "the sheet with rows",
    "format": "found out from the content",
    "pattern": "parts of the files' names become columns: give the groups better names",
    "document": "what one row is",
    "label": "what names the class",
}
"""Why a setting of the source stands there."""

_WHY_TRAIN = {"refit": "once validation rows have said how long, they are learnt from as well"}

# Narrower than YAML's own rule for plain scalars: what is in doubt gets quotes, which are never wrong.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./*-]*")
# YAML 1.1 reads these as truth values, 1.2 does not: quoted, they are text to both.
_RESERVED = frozenset("true false null yes no on off y n".split())  # noqa: SIM905
# The block is moved right by two to four columns under `pipelines:`, and lines then stay within 120.
WIDTH = 116


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All that the block says."""

    name: str
    summary: str
    source: Mapping[str, Any]
    test: Mapping[str, str]
    target: TargetGuess
    findings: Sequence[Finding]
    choice: ModelChoice
    split: SplitChoice
    pins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Type and format of the columns by name."""
    clean: Mapping[str, Any] = field(default_factory=dict)
    clean_reason: str = ""
    conformal: Mapping[str, Any] = field(default_factory=dict)
    """What `evaluate.conformal` may be; nothing where it is not offered."""
    conformal_reason: str = ""

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What `ingest.columns` says of each column."""
        # A target is of the type that its task asks for.
        settings: dict[str, dict[str, Any]] = {}
        for name, pin in self.pins.items():
            is_target = name == self.target.name
            kept = {key: value for key, value in pin.items() if not (is_target and key in ("type", "format"))}
            if kept:
                settings[name] = kept
        for finding in self.findings:
            for name in finding.columns:
                if finding.role:
                    settings.setdefault(name, {})["role"] = finding.role
                if finding.missing:
                    cells = settings.setdefault(name, {}).get("missing", [])
                    settings[name]["missing"] = [*cells, *(cell for cell in finding.missing if cell not in cells)]
        return settings


def block_text(draft: Draft) -> str:
    """The block, its name in the first column; `indented` moves it under `pipelines:`."""
    choice = draft.choice
    lines = [
        *beside(f"{scalar(draft.name)}:", draft.summary),
        "  ingest:",
        *_remarks(draft),
        *_source(draft),
        *_target(draft.target),
        *_columns(draft),
        "  validate: {}",
        *_split(draft.split),
        *beside(f"  clean: {flow(draft.clean)}", draft.clean_reason),
        f"  normalize: {flow(choice.normalize)}",
        *beside(f"  augment: {flow(choice.augment)}", choice.augment_reason),
        *(f"  # {line}" for line in choice.tried),
        *beside("  train:", choice.reason),
        *(line for key, value in choice.train.items() for line in _setting(key, value)),
        *beside(f"  evaluate: {flow(choice.evaluate)}", "the rarer class is looked for" if choice.evaluate else ""),
        *_conformal(draft),
        "  register:",
        f"    metric: {choice.metric}",
        *beside(f"    gate: {flow(choice.gate)}", f"{choice.gate_reason}: raise it to what you need"),
    ]
    return "\n".join(lines) + "\n"


def _setting(key: str, value: Any) -> list[str]:
    """On one line, but for a list of mappings, which has a line for each."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return [f"    {scalar(key)}:", *(f"      - {flow(one)}" for one in value)]
    return beside(f"    {scalar(key)}: {flow(value)}", _WHY_TRAIN.get(key, ""))


def _conformal(draft: Draft) -> list[str]:
    """The line to be switched on, or why there is none."""
    if not draft.conformal:
        return comment(draft.conformal_reason, 2)
    offered = {**draft.choice.evaluate, "conformal": draft.conformal}
    return beside(f"  # evaluate: {flow(offered)}", draft.conformal_reason)


def _split(choice: SplitChoice) -> list[str]:
    """On one line, but for a key of many columns."""
    line = f"  split: {flow(choice.settings)}"
    if len(line) <= WIDTH or "key" not in choice.settings:
        return beside(line, choice.reason)
    settings = [f"    {name}: {flow(value)}" for name, value in choice.settings.items() if name != "key"]
    return [*beside("  split:", choice.reason), *settings, *_wrapped("    key: [", choice.settings["key"])]


def _wrapped(start: str, names: Sequence[str]) -> list[str]:
    """A list over several lines, cut between names: a blank within a name is its own."""
    lines = [start]
    for number, name in enumerate(names):
        item = f"{scalar(name)}{', ' if number < len(names) - 1 else ']'}"
        if len(lines[-1]) + len(item.rstrip()) > WIDTH:
            lines.append("      ")
        lines[-1] += item
    return [line.rstrip() for line in lines]


def indented(text: str, columns: int) -> str:
    """The lines moved to the right."""
    return "".join(f"{'':{columns}}{line}" for line in text.splitlines(keepends=True))


def _remarks(draft: Draft) -> list[str]:
    """What was found and changes nothing in the block."""
    remarks = [
        finding
        for finding in by_weight(draft.findings)
        if finding.is_warning and not (finding.role or finding.missing or finding.proposal)
    ]
    lines = [line for finding in remarks[:_MOST_COMMENTS] for line in comment(finding.message, 4)]
    rest = len(remarks) - _MOST_COMMENTS
    return [*lines, *(comment(f"... and {rest} more that `modelwright init` prints", 4) if rest > 0 else [])]


def _source(draft: Draft) -> list[str]:
    lines = ["    source:"]
    for key, value in draft.source.items():
        lines += beside(f"      {key}: {flow(value)}", _WHY_SETTINGS.get(key, ""))
    if draft.test:
        named = flow(next(iter(draft.test.values())))
        lines += comment(f"Beside it lies {named}; if these are test rows, give `--test`, or write:", 6)
        lines += [f"      # {key}: {flow(value)}" for key, value in draft.test.items()]
        lines.append("      # and below `split: {kind: given}`")
    return lines


def _target(target: TargetGuess) -> list[str]:
    # Users know why they named a column.
    why = "" if target.why == "given" else target.why
    runner_up = f"; if not, perhaps {target.runner_up}" if target.runner_up else ""
    return [*beside(f"    target: {scalar(target.name)}", why + runner_up), f"    task: {target.task}"]


def _columns(draft: Draft) -> list[str]:
    """Reasons as comments, then the settings, with proposals beside them. Without any setting all is a comment."""
    settings = draft.settings
    findings = by_weight(draft.findings)
    lines = [line for finding in findings for line in _reason(finding)]
    # Columns that nothing is set of, such as those of a source that knows its types.
    bare: dict[str, dict[str, Any]] = {
        name: {} for finding in findings if finding.proposal for name in finding.columns if name not in settings
    }
    lines += [
        f"      {'# ' if settings else ''}{_entry(name, proposal)}" for name, proposal in _proposed(bare, findings)
    ]
    if not (lines or settings):
        return []
    if not settings:
        return ["    # columns: # what you agree with, to be switched on", *("    # " + line[4:] for line in lines)]
    proposed = dict(_proposed(settings, findings))
    for name, values in settings.items():
        lines += beside(f"      {_entry(name, values)}", f"or {flow(proposed[name])}" if name in proposed else "")
    return ["    columns:", *lines]


def _reason(finding: Finding) -> list[str]:
    return comment(finding.message, 6) if finding.role or finding.missing or finding.proposal else []


def _proposed(
    settings: Mapping[str, Mapping[str, Any]], findings: Sequence[Finding]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The columns that something is proposed for: their settings, with all that is."""
    for name, values in settings.items():
        proposals = [finding.proposal for finding in findings if finding.proposal and name in finding.columns]
        if proposals:
            yield name, {**values, **_parsed("{" + ", ".join(proposals) + "}")}


def _entry(name: str, values: Mapping[str, Any]) -> str:
    return f"{scalar(name)}: {flow(values)}"


def _parsed(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    content: dict[str, Any] = YAML(typ="safe").load(text)
    return content


def flow(value: Any) -> str:
    """On one line: `{kind: table, path: rows.csv}`."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case str():
            return scalar(value)
        case Sequence():
            return "[" + ", ".join(flow(inner) for inner in value) + "]"
        case _:
            return scalar(value)


def scalar(value: Any) -> str:
    """Plain where YAML reads it back as the same text, else in double quotes."""
    match value:
        # Before numbers: in Python a bool is an int, too.
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
            return value
        case str():
            return '"' + "".join(_escaped(sign) for sign in value) + '"'
        case _:
            # Python writes floats with the fewest digits that read back as the same number, as YAML 1.2 reads them.
            return repr(value)


def comment(text: str, indent: int) -> list[str]:
    """Whole lines of comment, broken at a readable width. Control characters in it become blanks."""
    return [f"{'':{indent}}# {line}" for line in textwrap.wrap(_one_line(text), WIDTH - indent - 2)]


def beside(line: str, text: str) -> list[str]:
    """The line with a comment behind it, or above it where both together are too long."""
    # A line break would end the comment, and the rest would be read as YAML.
    text = _one_line(text)
    if not text:
        return [line]
    if len(line) + len(text) + 3 <= WIDTH:
        return [f"{line} # {text}"]
    return [*comment(text, len(line) - len(line.lstrip())), line]


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    # YAML's escapes have two, four or eight digits.
    digits = 2 if ord(sign) < 0x100 else 4 if ord(sign) < 0x10000 else 8
    return f"\\{'xuU'[digits // 4]}{ord(sign):0{digits}x}"
