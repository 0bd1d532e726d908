"""Who is told how a training or a look ended: through a block of Prefect's that `notify:` names, and that its user made
there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for

from flows.emails import is_installed, send_email
from tasks.errors import GateError, UserError, printable
from tasks.params.file import load_notify
from tasks.paths import Paths, Project
from tasks.root import find_root

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

    from tasks.memo.chain import StageResult
    from tasks.params.notify import Notify, RunOutcome

_FAILURES = (TypeError, ValueError, RuntimeError, OSError, KeyError, NotificationError, httpx.HTTPError)
"""What blocks raise: a receiver refuses or is gone, an address cannot be read, it is a block of another kind."""

Ending = tuple["RunOutcome", str, str]
"""How a run ended, in a word, in a line, and in full."""


def notify(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tells who asked for it how the run ended: a hook of the flow, which Prefect also calls for a run that crashed.

    A block that is not there or that fails is a line in the run's log.
    """
    paths = Project(root=find_root()).pipeline(flow_run.parameters["pipeline"])
    config, ending = load_notify(paths.project.params, paths.pipeline), _ending(paths.pipeline, flow.name, state)
    if config is None or ending is None or ending[0] not in config.on:
        return
    outcome, subject, text = ending
    body = "\n".join([text, "", *_places(paths, flow_run)])
    why = _problem(config, outcome, printable(subject), printable(body))
    if why:
        flow_run_logger(flow_run, flow).warning(
            "nobody was told that %s: block %s cannot be used (%s); mend notify.block, or the block on the server's "
            "page Blocks",
            subject,
            config.block,
            why,
        )


def _problem(config: Notify, outcome: RunOutcome, subject: str, body: str) -> str | None:
    """Why the block did not send it; None when it did."""
    # The import has Prefect know these types.
    import prefect.blocks.notifications  # noqa: F401

    if config.to and not is_installed():
        return "e-mail needs the package prefect-email; pip install 'modelwright[email]'"
    try:
        block: Any = Block.load(config.block)
    # Prefect's word for a block that is not there.
    except ValueError:
        return "there is none of this type and name"
    try:
        if config.to:
            send_email(block, config.to, subject, body)
        else:
            _send(block, outcome, subject, body)
    except _FAILURES as error:
        # Its type alone: what a block says may quote its address, which is the secret of many a service.
        return type(error).__name__
    return None


def _ending(pipeline: str, flow_name: str, state: State[Any]) -> Ending | None:
    """None for what nobody asks to be told: a training that made no champion, a look that decided on no challenger."""
    if state.is_completed():
        result = state.result()
        # What the flow `monitoring` returns, or the flow `training`.
        return _ending_of_look(pipeline, result) if isinstance(result, dict) else _ending_of_training(pipeline, result)
    # What has failed may be either: what went well tells by itself which it was.
    run = f"{pipeline}, {flow_name}"
    if state.is_crashed():
        return "failed", f"{run}: the run crashed", state.message or ""
    error = state.result(raise_on_failure=False)
    if isinstance(error, GateError):
        return "refused", f"{pipeline}: a gate said no", str(error)
    if isinstance(error, UserError):
        return "failed", f"{run}: something has to be put right", str(error)
    return "failed", f"{run}: the run failed", f"{type(error).__name__}; the run's log has the traceback"


def _ending_of_training(pipeline: str, results: Sequence[StageResult]) -> Ending | None:
    reports = (result.report for result in results if (result.stage, result.outcome) == ("register", "ran"))
    for report in reports:
        if "champion" in report.numbers["aliases"]:
            subject = f"{pipeline}: version {report.numbers['version']} is champion"
            return "promoted", subject, "\n".join(report.diagnostics)
    return None


def _ending_of_look(pipeline: str, look: Mapping[str, Any]) -> Ending | None:
    """What live rows said of a challenger, the first time that they say it."""
    shadow = look["shadow"]
    if shadow is None or shadow["state"] not in ("promoted", "rejected"):
        return None
    version = f"{pipeline}: version {shadow['challenger']}"
    if shadow["state"] == "promoted":
        return "promoted", f"{version} is champion", shadow["sentence"]
    return "refused", f"{version} is challenger no more", shadow["sentence"]


def _places(paths: Paths, flow_run: FlowRun) -> Iterator[str]:
    """Where to look."""
    page = url_for("flow-run", obj_id=flow_run.id)
    if page:
        yield f"Run: {page}"
    if paths.report_page.exists():
        yield f"Report: {paths.report_page}"


def _send(block: Any, outcome: RunOutcome, subject: str, body: str) -> None:
    """Through a block, whatever it sends with; a plain webhook gets JSON. Raises what the block does."""
    if isinstance(block, Webhook):
        answer = asyncio.run(block.call({"outcome": outcome, "subject": subject, "body": body}))
        answer.raise_for_status()
    elif isinstance(block, NotificationBlock):
        sender: Any = block
        with block.raise_on_failure():
            sender.notify(body, subject)
    else:
        raise TypeError(f"a block of type {type(block).__name__} sends nothing")
