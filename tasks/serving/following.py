"""The versions that answer, as the registry's aliases move: another one goes live when it is warm, or not at all."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.serving.metrics import ServingMetrics
from tasks.serving.process import ProcessEndedError, ProcessPlan, ServingProcess, start_process
from tasks.serving.registry_watch import Notice, Role, WatchedNames, as_notice
from tasks.serving.version import Served, ServedVersion, WarmUpError, open_version
from tasks.tracking.registered import RegisteredModel

_WATCHING = Path(__file__).with_name("registry_watch.py")
_SHADOW_NICENESS = 10
"""While it starts."""
_SHADOW_BATCH_ROWS = 32
"""Copies that are asked together at most: what the server does for them at once holds up no request for long."""
_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Following:
    """`live` answers; `challenger` gets a share of the requests, or copies of them. `failed` are versions that would
    not start or failed their warm-up, with the reason, by what they were for."""

    served: Served
    metrics: ServingMetrics
    live: ServedVersion
    challenger: ServedVersion | None = None
    failed: dict[Role, dict[str, Any]] = field(default_factory=dict)
    registry_problem: str | None = None
    _watcher: ServingProcess | None = None
    _wanted: RegisteredModel | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def follow(self) -> None:
        """Takes notices until it is cancelled."""
        while True:
            try:
                watcher = self._watcher or await start_process(_plan(self.served))
                first, self._watcher = watcher.ready if self._watcher is None else None, watcher
                if first is not None:
                    await self._take(as_notice(dict(first)))
                while True:
                    await self._take(as_notice(await watcher.reply()))
            except ProcessEndedError as error:
                self.registry_problem = f"the registry is not watched ({error})"
                _LOG.error("%s; next try in a moment", self.registry_problem)
                self._watcher = None
                self.metrics.registry_up.set(0)
                await asyncio.sleep(self.served.settings.poll_seconds)

    async def look_now(self) -> None:
        """Has the registry asked at once, and not at the next poll."""
        if self._watcher is not None:
            await self._watcher.tell("look")

    async def close(self) -> None:
        """Ends all processes, after they have answered what they were asked."""
        if self._watcher is not None:
            await self._watcher.close()
        versions = [self.live] + ([self.challenger] if self.challenger else [])
        await asyncio.gather(*self._tasks, *(version.close() for version in versions))

    async def _take(self, notice: Notice) -> None:
        if notice.model is None:
            _LOG.warning("%s", notice.why)
            if notice.role == "live":
                self.registry_problem = notice.why
                self.metrics.registry_up.set(0)
            elif notice.has_no_version:
                # Rejected, or champion now: a copy of a request would be work for nobody.
                self._wanted = None
                await self._stand_beside()
            return
        self.metrics.registry_up.set(1)
        if notice.role == "live":
            self.registry_problem = None
            await self._go_live(notice.model)
        else:
            self._wanted = notice.model
        await self._stand_beside()

    async def _go_live(self, model: RegisteredModel) -> None:
        if model.packed == self.live.model.packed:
            self.failed.pop("live", None)
            return
        former = self.live
        shadow = self.served.settings.shadow
        # A shadow's process has what nobody else wants of the processor, and only root can give it more.
        if shadow is None and self.challenger is not None and self.challenger.model.packed == model.packed:
            # It has been warm for long.
            self.live, self.challenger = self.challenger, None
            self.metrics.version.remove("challenger")
        else:
            version = await self._open("live", model)
            if version is None:
                return
            self.live = version
        self.metrics.moves.inc()
        self.metrics.version.labels("live").set(model.version)
        _LOG.info("%s is live; %s ends when it has answered what it was asked", model.shown, former.model.shown)
        self._end(former)

    async def _stand_beside(self) -> None:
        """Has the version that is wanted beside the live one, unless it is that one itself."""
        wanted, current = self._wanted, self.challenger
        if wanted is not None and wanted.packed == self.live.model.packed:
            wanted = None
        if current is not None and (wanted is None or current.model.packed != wanted.packed):
            self.challenger = None
            self.metrics.version.remove("challenger")
            self._end(current)
        if wanted is None:
            self.failed.pop("challenger", None)
        if wanted is None or self.challenger is not None:
            return
        self.challenger = await self._open("challenger", wanted)
        if self.challenger is not None:
            self.metrics.version.labels("challenger").set(wanted.version)
            _LOG.info("%s stands beside %s", wanted.shown, self.live.model.shown)

    async def _open(self, role: Role, model: RegisteredModel) -> ServedVersion | None:
        try:
            is_shadow = role == "challenger" and self.served.settings.shadow is not None
            version = await open_version(model, _of_shadow(self.served) if is_shadow else self.served)
        except WarmUpError as error:
            self.failed[role] = {"version": model.version, "why": str(error)}
            self.metrics.failed_warm_ups.inc()
            _LOG.error("%s; %s answers on", error, self.live.model.shown)
            return None
        if is_shadow:
            version.answering.yield_to_others()
        self.failed.pop(role, None)
        return version

    def _end(self, version: ServedVersion) -> None:
        task = asyncio.create_task(version.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _of_shadow(served: Served) -> Served:
    """One process, for whose answers nobody waits."""
    batch_rows = min(served.settings.batch_rows, _SHADOW_BATCH_ROWS)
    return replace(
        served, niceness=_SHADOW_NICENESS, settings=replace(served.settings, num_workers=1, batch_rows=batch_rows)
    )


async def first_version(
    served: Served, metrics: ServingMetrics, wait: Callable[[str], None] | None = None
) -> Following:
    """The version that is live now, warm.

    Raises UserError when there is none, or it does not answer; with `wait`, that is called with the reason, and the
    next version is waited for.
    """
    try:
        watcher = await start_process(_plan(served))
    except ProcessEndedError as error:
        raise UserError(f"{served.settings.asked}: the registry cannot be asked ({error})") from None
    async with AsyncExitStack() as unless_live:
        unless_live.push_async_callback(watcher.close)
        following = await _following(served, metrics, watcher, wait)
        unless_live.pop_all()
        return following


async def _following(
    served: Served, metrics: ServingMetrics, watcher: ServingProcess, wait: Callable[[str], None] | None
) -> Following:
    notices: dict[Role, Notice] = {"live": as_notice(dict(watcher.ready))}
    while True:
        try:
            live = await _opened(notices["live"], served)
            break
        except UserError as error:
            if wait is None:
                raise
            wait(str(error))
        await _next_live(watcher, notices)
    metrics.version.labels("live").set(live.model.version)
    metrics.registry_up.set(1)
    following = Following(served=served, metrics=metrics, live=live, _watcher=watcher)
    if served.settings.challenger:
        # The second notice of the watcher's first round: whoever asks for two versions waits for both.
        await following._take(notices.get("challenger") or as_notice(await watcher.reply()))
    return following


async def _opened(notice: Notice, served: Served) -> ServedVersion:
    if notice.model is None:
        raise UserError(str(notice.why))
    try:
        return await open_version(notice.model, served)
    except WarmUpError as error:
        raise UserError(f"{error}; install what {notice.model.packed}/requirements.txt says, or take another") from None


async def _next_live(watcher: ServingProcess, notices: dict[Role, Notice]) -> None:
    """Takes notices until one is of the live version."""
    while True:
        try:
            notice = as_notice(await watcher.reply())
        except ProcessEndedError as error:
            raise UserError(f"the registry cannot be asked any more ({error})") from None
        notices[notice.role] = notice
        if notice.role == "live":
            return


def _plan(served: Served) -> ProcessPlan:
    settings = served.settings
    watch = WatchedNames(
        root=str(served.project.root),
        live=settings.asked,
        challenger=settings.challenger,
        seconds=settings.poll_seconds,
        offline=settings.offline,
    )
    return ProcessPlan(
        script=_WATCHING,
        arguments=[json.dumps(asdict(watch))],
        environment=os.environ,
        folder=served.project.root,
        scratch=served.scratch,
    )
