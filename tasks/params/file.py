"""params.yaml as a file: read, and its blocks checked. pydantic is imported when a block is checked, not before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tasks.errors import UserError, did_you_mean
from tasks.params.renamed import outdated_in, warn_once, with_new_names

if TYPE_CHECKING:
    from tasks.params.notify import Notify
    from tasks.params.pipeline import Params, Pipeline
    from tasks.params.retention import Retention


def load_params(path: Path) -> Params:
    """All pipelines, checked. Raises UserError that names the key, what is wrong with it, and what to do.

    Says nothing of settings under earlier names: who looks at all pipelines has a place of its own for them.
    """
    from tasks.params.pipeline import Params

    content = pipelines_in(path)
    return Params(pipelines={name: _checked(path, name, block) for name, block in content.items()})


def load_pipeline(path: Path, name: str) -> Pipeline:
    """One pipeline's block, checked; what else stands in the file is not looked at."""
    return check_pipeline(path, name, block_in(path, pipelines_in(path), name))


def load_notify(path: Path, name: str) -> Notify | None:
    """Who is told of this pipeline's runs; None where nobody is, or where the section itself is wrong.

    Of the rest nothing is checked: that it is wrong is what somebody may be told.
    """
    from pydantic import ValidationError

    from tasks.params.notify import Notify

    try:
        block = pipelines_in(path).get(name)
        section = block.get("notify") if isinstance(block, Mapping) else None
        return None if section is None else Notify.model_validate(section)
    except (UserError, ValidationError):
        return None


def load_retentions(path: Path) -> list[Retention] | None:
    """The section `retention` of each pipeline; None where one is wrong, or no block can be read.

    Of the rest nothing is checked. Who is given None removes nothing: what the section was to say nobody knows.
    """
    from pydantic import ValidationError

    from tasks.params.retention import Retention

    try:
        blocks = [block if isinstance(block, Mapping) else {} for block in pipelines_in(path).values()]
        return [Retention.model_validate(block.get("retention") or {}) for block in blocks]
    except (UserError, ValidationError):
        return None


def block_in(path: Path, blocks: Mapping[str, Any], name: str) -> Any:
    """The block of that name. Raises UserError with the nearest name when there is none."""
    if name not in blocks:
        raise UserError(f"{path}: there is no pipeline {name}{did_you_mean(name, blocks)}")
    return blocks[name]


def pipeline_names(path: Path) -> list[str]:
    """The names of all pipelines, in the order of the file."""
    return list(pipelines_in(path))


def check_pipeline(path: Path, name: str, block: Any) -> Pipeline:
    """One block as a Pipeline, or a UserError with a line for each thing that is wrong in it."""
    for setting, advice in outdated_in(block).items():
        warn_once(path, name, setting, advice)
    return _checked(path, name, block)


def _checked(path: Path, name: str, block: Any) -> Pipeline:
    from pydantic import ValidationError

    from tasks.params.complaints import complaints
    from tasks.params.pipeline import Params

    content = {"pipelines": {name: with_new_names(block)}}
    try:
        return Params.model_validate(content).pipelines[name]
    except ValidationError as error:
        raise UserError("\n".join(complaints(path, error, content))) from None


def pipelines_in(path: Path) -> dict[str, Any]:
    """The blocks under `pipelines:` by name, as they stand in the file. Raises UserError when there are none."""
    content = read_yaml(path)
    for key in content if isinstance(content, dict) else ():
        if key != "pipelines":
            raise UserError(f"{path}: {key} is unknown{did_you_mean(str(key), ['pipelines'])}")
    blocks = content.get("pipelines") if isinstance(content, dict) else None
    if not blocks:
        raise UserError(f"{path}: holds no pipelines; `modelwright init NAME SOURCE` writes one for your data")
    if not isinstance(blocks, dict):
        raise UserError(f"{path}: pipelines must be a mapping of names to blocks")
    return {str(name): block for name, block in blocks.items()}


def read_yaml(path: Path) -> Any:
    """The file's content as plain values, YAML 1.2 as DVC reads it. Raises UserError when it is missing or no YAML."""
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run this in the folder that holds it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); it must be a file that you may read") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}:{line}: not YAML: {error.problem}; mend that line") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
