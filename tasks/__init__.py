"""What each stage does: Prefect, DVC and the `modelwright` command call it; it knows none of them.

Importing the package switches telemetry off, before any library that has some is imported: the one
thing done at import, because nothing later is early enough.
"""

import os

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

for _name, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_name, _value)
