from __future__ import annotations

import os

import pytest

from tasks.errors import UserError
from tasks.params.clean import Clean


def test_what_a_schedule_can_set_is_what_the_command_can() -> None:
    from flows.training import training

    assert training.name == "training"
    assert set(training.parameters.properties) == {"pipeline", "first", "last", "force", "reason"}
    assert training.parameters.required == ["pipeline"]


VARIABLE = "A_KEY_FOR_TESTS"


def hashing(personal: str) -> Clean:
    return Clean.model_validate({"columns": {"email": {"personal": personal}}, "personal": {"hash_key": VARIABLE}})


def test_a_key_is_needed_when_a_column_is_hashed() -> None:
    from flows.training import hash_variable

    assert hash_variable(hashing("hash")) == VARIABLE
    assert hash_variable(hashing("mask")) is None
    assert hash_variable(Clean()) is None


def test_the_environment_goes_before_any_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.training import secret_in_environment

    monkeypatch.setenv(VARIABLE, "given by hand")
    with secret_in_environment(VARIABLE):
        assert os.environ[VARIABLE] == "given by hand"
    assert os.environ[VARIABLE] == "given by hand"


@pytest.mark.chain
def test_the_key_is_a_secret_of_prefect_while_the_stages_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.system import Secret
    from prefect.testing.utilities import prefect_test_harness

    from flows.training import secret_in_environment

    monkeypatch.delenv(VARIABLE, raising=False)
    with prefect_test_harness(server_startup_timeout=120):
        with secret_in_environment(VARIABLE):
            assert VARIABLE not in os.environ
        Secret(value="12345678901234567890").save("a-key-for-tests")
        with secret_in_environment(VARIABLE):
            assert os.environ[VARIABLE] == "12345678901234567890"
        assert VARIABLE not in os.environ
        Secret(value={"key": "12345678901234567890"}).save("a-key-for-tests", overwrite=True)
        with pytest.raises(UserError, match="a-key-for-tests is not text"), secret_in_environment(VARIABLE):
            pass
