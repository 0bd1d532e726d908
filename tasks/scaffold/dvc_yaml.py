"""The dvc.yaml of a project of one's own: that of the tool's repository, but for what stands for the code.

`python -m tasks.scaffold.dvc_yaml` prints it, in the repository; `make schema` keeps it as template/dvc.yaml.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tasks.memo.own_code import with_files

_HEAD = """\
# The nine stages, once, for every pipeline in params.yaml. `modelwright new` wrote this, and `modelwright upgrade`
# writes it anew for another version of the tool, as long as nobody has edited it: stages of your own may stand in the
# dvc.yaml of a folder below.
#
# Before the nine comes `code`: what the installed tool's code means, of which the stages are made. It depends on
# code.json, which says of which version the project is.

"""

_CODE = re.compile(r"(?<=    cmd: python -P -m tasks code\n    deps:\n)(?:      - .*\n)+")


def project_dvc_yaml(of_repository: str) -> str:
    """The text for a project of one's own, by that of the repository."""
    stages = with_files(of_repository[of_repository.index("stages:\n") :], ())
    return _HEAD + _CODE.sub("      - code.json\n", stages, count=1)


if __name__ == "__main__":
    sys.stdout.write(project_dvc_yaml(Path("dvc.yaml").read_text(encoding="utf-8")))
