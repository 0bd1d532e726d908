"""When things run: Prefect, and nothing else.

Importing the package switches telemetry off and sets Prefect's own defaults, before Prefect is imported: nothing
later is early enough.
"""

import os

import tasks  # noqa: F401 - switches telemetry off

PREFECT_DEFAULTS = {
    # A fresh home migrates for 10 s and more on a small machine; Prefect's own limit is 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # 14 s for a server that restarts. Prefect's own 5 are more than a minute, for each request of a run's end.
    "PREFECT_CLIENT_MAX_RETRIES": "3",
}

for _name, _value in PREFECT_DEFAULTS.items():
    os.environ.setdefault(_name, _value)
