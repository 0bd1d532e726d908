"""The dvc.yaml of a project of one's own is that of the repository, but for what stands for the code."""

from __future__ import annotations

from ruamel.yaml import YAML

from tasks.memo.code import CODE, sources_in
from tasks.memo.own_code import STAGE as OWN_CODE
from tasks.memo.own_code import own_files, with_files
from tasks.paths import CODE_DIGESTS, CODE_RECORD, STAGES
from tasks.scaffold.dvc_yaml import project_dvc_yaml
from tasks.scaffold.new_project import dvc_yaml
from tests.projects import REPOSITORY

OF_REPOSITORY = (REPOSITORY / "dvc.yaml").read_text(encoding="utf-8")


def stages(text: str) -> dict:
    return YAML(typ="safe").load(text)["stages"]


def test_what_comes_with_the_tool_is_the_repositorys_as_it_stands() -> None:
    assert dvc_yaml() == project_dvc_yaml(OF_REPOSITORY), "make schema"
    # Whoever tries a function of their own in the repository gives it to no other project.
    assert own_files(dvc_yaml()) == set()
    assert project_dvc_yaml(with_files(OF_REPOSITORY, ["mine.py"])) == dvc_yaml()


def test_the_nine_stages_are_the_same_and_the_code_is_a_record() -> None:
    own, of_repository = stages(dvc_yaml()), stages(OF_REPOSITORY)
    same = [OWN_CODE, *STAGES]
    assert list(own) == [CODE, *same]
    assert {name: own[name] for name in same} == {name: of_repository[name] for name in same}
    assert own[CODE] == {**of_repository[CODE], "deps": [CODE_RECORD]}
    assert own[CODE]["outs"] == [CODE_DIGESTS]
    assert sources_in({"stages": own}) == sources_in({"stages": of_repository})
