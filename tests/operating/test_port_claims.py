"""Two projects that start at the same moment get ports of their own, though neither listens yet."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from tasks.operating.port_claims import port_claims
from tasks.operating.ports import free_port
from tests.projects import REPOSITORY

CLAIMING = """
import sys
from pathlib import Path
from tasks.operating.port_claims import PortClaims
claims = PortClaims(Path(sys.argv[1]))
print(claims.choose("127.0.0.1", int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_a_claimed_port_is_passed_by_until_it_is_let_go_of(tmp_path: Path) -> None:
    first = free_port("127.0.0.1", 23_000)
    with port_claims(tmp_path / "claims") as one, port_claims(tmp_path / "claims") as other:
        assert one.choose("127.0.0.1", first) == first
        second = other.choose("127.0.0.1", first)
        assert second > first
        # Its own ones, too: two servers of one project.
        assert one.choose("127.0.0.1", first) > second
        one.release()
        assert other.choose("127.0.0.1", first) == first
    assert stat.S_IMODE((tmp_path / "claims").stat().st_mode) == 0o700


def test_claims_end_with_the_process_that_made_them(tmp_path: Path) -> None:
    first = free_port("127.0.0.1", 23_500)
    line = [sys.executable, "-c", CLAIMING, str(tmp_path), str(first)]
    process = subprocess.Popen(line, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == first
        with port_claims(tmp_path) as claims:
            assert claims.choose("127.0.0.1", first) > first
            process.kill()
            process.wait()
            assert claims.choose("127.0.0.1", first) == first
    finally:
        process.kill()
        process.communicate()
