"""The subcommands about the champion: promote, rollback, champion, history."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import GateError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import counted

if TYPE_CHECKING:
    from tasks.promotion.chain import ChainReport
    from tasks.promotion.history import AliasRecord
    from tasks.tracking.promoting import ChampionThen, PromotedVersion

_NAME = argument("name", help="a registered model: the pipeline's name")
_BECAUSE = argument("--because", required=True, metavar="REASON", help="why; it is kept in the history")


def promote(options: argparse.Namespace) -> int:
    """`modelwright promote`."""
    from tasks.tracking.promoting import promote as promoted

    return _say(options, promoted(_project(), options.name, options.version, options.because))


def rollback(options: argparse.Namespace) -> int:
    """`modelwright rollback`."""
    from tasks.tracking.promoting import rollback as rolled_back

    outcome = rolled_back(_project(), options.name, options.to, options.because)
    code = _say(options, outcome)
    if not options.json and options.to is None and outcome.record is not None:
        _say_where_to_next(outcome)
    return code


def _say_where_to_next(outcome: PromotedVersion) -> None:
    """A second rollback goes forward again, as the champion before is then the one that was left: said to whoever
    wants to go back further."""
    from tasks.command.console import Terminal

    name, again = outcome.name, f"the same again goes forward to version {outcome.before}"
    further = outcome.further_back
    back = "" if further is None else f"; `modelwright rollback {name} --to {further} --because WHY` goes further back"
    Terminal().print(f"  {again}{back}", markup=False)


def _project() -> Project:
    return Project(root=find_root())


def _say(options: argparse.Namespace, outcome: PromotedVersion) -> int:
    record = outcome.record
    if options.json:
        content = {
            "name": outcome.name,
            "champion": outcome.version,
            "previous": outcome.before,
            "further_back": outcome.further_back,
        }
        show_json({**content, "moved": record is not None, "record": record and record.content()})
        return 0
    from tasks.command.console import Terminal

    if record is None:
        Terminal().print(f"{outcome.name}: version {outcome.version} is champion already: nothing to do", markup=False)
        return 0
    place = "" if outcome.before is None else f", in the place of version {outcome.before}"
    Terminal().print(
        f"{outcome.name}: version {outcome.version} is champion{place}; record {record.label}", markup=False
    )
    return 0


def champion(options: argparse.Namespace) -> int:
    """`modelwright champion`."""
    from tasks.tracking.promoting import champion_then

    then = champion_then(_project(), options.name, options.at)
    if options.json:
        show_json(_as_dict(then))
        return 0
    from tasks.command.console import Terminal

    console = Terminal()
    for line in _lines(then, options.at):
        console.print(line, markup=False)
    return 0


def _as_dict(then: ChampionThen) -> dict[str, Any]:
    reign, ended = then.reign, then.ended
    content: dict[str, Any] = {"name": then.name, "version": reign and reign.version, "deleted": then.is_deleted}
    if reign:
        record = reign.record
        content |= {"since": record.time, "seen": reign.is_guessed, "who": record.who, "because": record.reason}
        content |= {"verdict": record.verdict, "record": record.label}
    content["removed"] = then.removal and then.removal.content()
    return {**content, "until": ended and ended.record.time, "until_seen": bool(ended and ended.is_guessed)}


def _lines(then: ChampionThen, at: str | None) -> list[str]:
    from tasks.promotion.reigns import moment_of, shown

    reign, ended = then.reign, then.ended
    when = f" at {shown(moment_of(at))}" if at else ""
    if reign is None or reign.version is None:
        lines = [f"{then.name}: no version {'was' if at else 'is'} champion{when}"]
    else:
        how = "removed" if then.removal else "deleted"
        deleted = f", which the registry has no more: it was {how}" if then.is_deleted else ""
        lines = [f"{then.name}: version {reign.version} {'was' if at else 'is'} champion{when}{deleted}"]
    if reign:
        record = reign.record
        lines.append(f"  {'seen at' if reign.is_guessed else 'since':9}{shown(record.moment)}")
        lines += [f"  {'who':9}{record.who}", f"  {'because':9}{record.reason}"]
        lines.append(f"  {'verdict':9}{record.verdict or 'none'}")
        lines.append(f"  {'record':9}{record.label}")
    if ended:
        until = shown(ended.record.moment)
        lines.append(f"  {'until':9}{until}" + (_SEEN if ended.is_guessed else ""))
    if then.removal:
        lines.append(f"  {'removed':9}{shown(then.removal.moment)} by {then.removal.who}: {then.removal.reason}")
    return lines


_SEEN = ", when a move in MLflow itself was seen: it was made at some moment before"


def history(options: argparse.Namespace) -> int:
    """`modelwright history`."""
    project = _project()
    if options.listen is not None:
        return _listen(project, options.name, options.listen)
    if options.verify or options.head:
        from tasks.tracking.promoting import verified

        return _judged(options, verified(project, options.name, options.head))
    from tasks.tracking.promoting import history as records_of

    records, carried_out = records_of(project, options.name)
    if options.json:
        rows = [{**record.content(), "carried_out": record.hash in carried_out} for record in records]
        show_json({"name": options.name, "records": rows})
    else:
        _show(options.name, records, carried_out)
    return 0


def _listen(project: Project, name: str, port: int) -> int:
    """Until it is interrupted."""
    from tasks.command.console import Terminal
    from tasks.tracking.webhook import AliasReceiver, secret_of_environment

    with AliasReceiver(project, name, secret_of_environment(), port) as receiver:
        # What was moved before counts as well; and a registry that is not there is said now.
        receiver.look()
        Terminal().print(
            f"{name}: listening at {receiver.address} for MLflow's webhooks (Ctrl-C ends it)", markup=False
        )
        receiver.serve_forever()
    return 0


def _show(name: str, records: list[AliasRecord], carried_out: set[str]) -> None:
    """A line a record; below it why, and what the gate said of the version."""
    from rich.text import Text

    from tasks.command.console import Terminal
    from tasks.promotion.reigns import shown

    console = Terminal()
    if not records:
        console.print(f"{name}: no alias was ever set, so there is no history", markup=False)
        return
    rows = [("record", "when", "who", "moves")]
    for record in records:
        moves = ", ".join(_move(alias, *move) for alias, move in record.ordered_moves)
        moves = moves or (f"removed {', '.join(map(str, record.removes))}" if record.removes else "none")
        made = moves if record.hash in carried_out else f"{moves} (never made)"
        rows.append((record.label, shown(record.moment), record.who, made))
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(3)]
    for row, one in zip(rows, [None, *records], strict=True):
        line = "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1]
        console.print(Text(line, style="" if one else "bold"))
        if one:
            console.print(Text(f"  because  {one.reason}"))
        if one and one.verdict:
            console.print(Text(f"  verdict  {one.verdict}", style="dim"))


def _move(alias: str, before: int | None, after: int | None) -> str:
    return f"{alias} {'none' if before is None else before} -> {'none' if after is None else after}"


def _judged(options: argparse.Namespace, report: ChainReport) -> int:
    if options.json:
        content = {"name": options.name, "whole": not report.problems, "problems": list(report.problems)}
        show_json({**content, "num_records": report.num_records, "heads": list(report.heads)})
        return GateError.exit_code if report.problems else 0
    if report.problems:
        lines = "\n".join(f"  {problem}" for problem in report.problems)
        raise GateError(
            f"{options.name}: the history of its aliases is not whole:\n{lines}\nAsk who may write to the registry; a "
            "backup of its database has the records as they were"
        )
    from tasks.command.console import Terminal

    console = Terminal()
    records = counted(report.num_records, "record")
    console.print(f"{options.name}: the history is whole, {records}", markup=False)
    for head in report.heads:
        console.print(f"  last hash  {head}", markup=False)
    if report.heads:
        console.print(
            f"Write it down elsewhere: `modelwright history {options.name} --verify --head "
            f"{' --head '.join(report.heads)}` asks later whether all up to it is there still",
            markup=False,
        )
    return 0


COMMANDS = {
    "promote": Subcommand(
        run=promote,
        help="make a version the champion, and keep why",
        arguments=(_NAME, argument("version", help="the version's number"), _BECAUSE, JSON),
        examples=('modelwright promote churn 5 --because "approved in the review of 1 October"',),
    ),
    "rollback": Subcommand(
        run=rollback,
        help="make the champion before this one champion again",
        detail=", or that of a time",
        arguments=(
            _NAME,
            argument("--to", metavar="VERSION|TIME", help="a version, or a time: who was champion then (UTC)"),
            _BECAUSE,
            JSON,
        ),
        examples=(
            'modelwright rollback churn --because "too many false alarms since the morning"',
            'modelwright rollback churn --to 2026-10-01T12:00 --because "as it was before the move"',
        ),
    ),
    "champion": Subcommand(
        run=champion,
        help="say which version is champion, since when, by whom and why",
        arguments=(
            _NAME,
            argument("--at", metavar="TIME", help="who was champion at a time, such as 2026-10-01T12:00 (UTC)"),
            JSON,
        ),
        examples=("modelwright champion churn", "modelwright champion churn --at 2026-10-01"),
    ),
    "history": Subcommand(
        run=history,
        help="list who moved which alias when, from where to where, and why",
        arguments=(
            _NAME,
            argument("--verify", action="store_true", help="say whether a record was changed, taken out or put in"),
            argument(
                "--head",
                action="append",
                default=[],
                metavar="HASH",
                help="verify, and ask that a record of this hash is there",
            ),
            argument(
                "--listen",
                type=int,
                metavar="PORT",
                help="listen on loopback for MLflow's webhooks, and write down at once what others move",
            ),
            JSON,
        ),
        examples=("modelwright history churn", "modelwright history churn --verify"),
    ),
}
