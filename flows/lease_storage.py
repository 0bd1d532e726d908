"""Where the server of `modelwright up` keeps leases of slots: in files, as Prefect's own memory forgets them.

A server that is started again would know no lease: the run whose process is starting would be cancelled for want of a
slot, one at work at its next renewal, and the slots would count as taken for good.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import UUID

import psutil
from prefect.server.concurrency.lease_storage.filesystem import ConcurrencyLeaseStorage as _InFiles

from flows.standing_server import LEASE_FOLDER

_RETURN_SECONDS = 120.0
"""After a server's start, in which nothing runs out: whoever was without it can renew the leases that it holds."""


class ConcurrencyLeaseStorage(_InFiles):
    """Of the name that Prefect asks for; it makes one for each question."""

    def __init__(self) -> None:
        super().__init__(Path(os.environ[LEASE_FOLDER]))

    async def read_expired_lease_ids(self, limit: int = 100) -> list[UUID]:
        """None until all have had the time to come back."""
        if time.time() - psutil.Process().create_time() < _RETURN_SECONDS:
            return []
        return await super().read_expired_lease_ids(limit)
