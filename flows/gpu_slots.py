"""Graphics cards taken in turns: a training waits while another run trains on the same card.

A card is a global concurrency limit of Prefect's, which `modelwright schedule` makes with one slot and never changes
afterwards: who lets two trainings share a card gives its limit two. A slot is held by a lease that the run renews, so
that the server frees it some time after the run's machine has gone down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows.gpus import Gpu

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

HELD, LEASE = "modelwright.gpus", "modelwright.gpu_lease"
"""Labels of a flow run: the limits that it holds a slot of, apart by blanks, and the lease that it holds them by."""

_LEASE_SECONDS = 120.0
"""How long a slot stays taken after the machine of its run has gone down."""

_RENEW_EVERY = 20.0
_LOOK_EVERY = 2.0

_NOT_YET = (httpx.codes.LOCKED, httpx.codes.UNPROCESSABLE_ENTITY)
"""What the server answers while no slot is free, and while somebody has given the limit none."""

_ORPHANED = 150.0
"""Seconds after which a slot that no run holds is freed: more than a lease lasts, and than it takes to write it down.

A server that keeps leases in memory forgets them when it restarts, and counts their slots as taken for good.
"""


def make_limits(gpus: Sequence[Gpu]) -> None:
    """A limit of one slot for each card that has none yet."""
    with get_client(sync_client=True) as client:
        for gpu in gpus:
            # Also where another project's scheduler has made it: who gave it more slots keeps them.
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=gpu.limit, limit=1, slot_decay_per_second=0)
                )


@contextmanager
def gpu_slots(flow_run: UUID, gpus: Sequence[Gpu], tell: Callable[[str], None]) -> Iterator[None]:
    """Within it the run holds a slot of each card that has a limit on the server; until there is one, it waits.

    `tell` is given a sentence when it has to wait, once.
    """
    with get_client(sync_client=True) as client:
        limited = [gpu for gpu in gpus if _is_limited(client, gpu)]
        if not limited:
            yield
            return
        lease = _lease(client, limited, tell)
        with ExitStack() as held:
            held.callback(_give_back, client, flow_run, lease)
            names = " ".join(gpu.limit for gpu in limited)
            client.update_flow_run_labels(flow_run, {HELD: names, LEASE: str(lease)})
            held.enter_context(_renewed(lease))
            yield


def free_slots_of(client: SyncPrefectClient, run: FlowRun) -> None:
    """Frees the cards that a run holds whose process is dead."""
    lease = run.labels.get(LEASE)
    if lease:
        client.release_concurrency_slots_with_lease(UUID(str(lease)))


def _lease(client: SyncPrefectClient, gpus: Sequence[Gpu], tell: Callable[[str], None]) -> UUID:
    """All cards at once, by one lease: of two runs that need the same two, none holds one and waits for the other."""
    names, is_waiting, unheld_since = [gpu.limit for gpu in gpus], False, time.monotonic()
    while True:
        try:
            response = client.increment_concurrency_slots_with_lease(names, 1, "concurrency", _LEASE_SECONDS)
            return UUID(response.json()["lease_id"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in _NOT_YET:
                raise
        holders = _holders(client, names)
        if not is_waiting:
            tell(_sentence(gpus, holders))
            is_waiting = True
        now = time.monotonic()
        if holders:
            unheld_since = now
        elif now - unheld_since > _ORPHANED:
            for name in names:
                client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=0))
        time.sleep(_LOOK_EVERY)


def _sentence(gpus: Sequence[Gpu], holders: Sequence[FlowRun]) -> str:
    cards = " and ".join(f"GPU {gpu.number}" for gpu in gpus)
    whom = f", which run {' and '.join(run.name for run in holders)} trains on" if holders else ", which is taken"
    return f"waits for {cards}{whom}"


def _holders(client: SyncPrefectClient, names: Sequence[str]) -> list[FlowRun]:
    """The runs at work that hold one of these limits."""
    at_work = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING])
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)))
    return [run for run in runs if set(str(run.labels.get(HELD) or "").split()) & set(names)]


def _give_back(client: SyncPrefectClient, flow_run: UUID, lease: UUID) -> None:
    # A server that is away forgets the lease by itself, and what was trained is not to be lost for that.
    with suppress(httpx.HTTPError):
        client.release_concurrency_slots_with_lease(lease)
        client.update_flow_run_labels(flow_run, {HELD: "", LEASE: ""})


@contextmanager
def _renewed(lease: UUID) -> Iterator[None]:
    """Renews the lease from a thread of its own, as a training may take hours."""
    ended = threading.Event()

    def renew() -> None:
        with get_client(sync_client=True) as client:
            while not ended.wait(_RENEW_EVERY):
                # The next time it may answer: the lease outlives several of these.
                with suppress(httpx.HTTPError):
                    client.renew_concurrency_lease(lease, _LEASE_SECONDS)

    # In a copy of this context, which knows the server's address.
    thread = threading.Thread(target=copy_context().run, args=(renew,), daemon=True, name="gpu-lease")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _is_limited(client: SyncPrefectClient, gpu: Gpu) -> bool:
    try:
        client.read_global_concurrency_limit_by_name(gpu.limit)
    except ObjectNotFound:
        return False
    return True
