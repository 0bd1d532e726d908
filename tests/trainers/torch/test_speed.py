"""The fastest way of computing is found by trying, and only where two runs may differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tasks.errors import UserError
from tasks.params.torch import TorchTrain
from tasks.trainers.torch.speed import Way, autocast, choose, ways

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PLAIN = Way(precision="float32", layout="contiguous", compile=False)
LAST = Way(precision="float32", layout="channels_last", compile=False)
BF16 = Way(precision="bf16", layout="contiguous", compile=False)
BF16_LAST = Way(precision="bf16", layout="channels_last", compile=False)


def compiled(way: Way) -> Way:
    return Way(precision=way.precision, layout=way.layout, compile=True)


def config(**changes: Any) -> TorchTrain:
    return TorchTrain.model_validate({"kind": "torch", "network": {"kind": "mlp"}, **changes})


class Machine:
    """Takes as long for a step as it is told, by its own clock; a way without a time it cannot go."""

    def __init__(self, seconds: dict[Way, float], error: type[Exception] = RuntimeError) -> None:
        self.seconds, self.error, self.now = seconds, error, 0.0
        self.tried: list[Way] = []

    def step(self, way: Way) -> None:
        if way not in self.seconds:
            raise self.error(f"no {way.in_words()} here\nand much more")
        # The first step of a way compiles and takes long, which must not count.
        self.now += self.seconds[way] if way in self.tried else 60
        self.tried.append(way)

    def clock(self) -> float:
        return self.now


def test_the_fastest_way_is_chosen_and_said_with_the_figures() -> None:
    machine = Machine({PLAIN: 0.052, LAST: 0.04, BF16: 0.03, BF16_LAST: 0.021})
    choice = choose(machine.step, [PLAIN, LAST, BF16, BF16_LAST], clock=machine.clock)
    assert choice.way == BF16_LAST
    assert choice.sentence == (
        "bf16 with channels_last: 21 ms a step; bf16 30 ms; float32 with channels_last 40 ms; float32 52 ms"
    )


@pytest.mark.parametrize(("seconds", "expected"), [(0.0999, PLAIN), (0.096, PLAIN), (0.094, BF16), (0.2, PLAIN)])
def test_a_way_must_be_clearly_faster_than_the_plain_one(seconds: float, expected: Way) -> None:
    machine = Machine({PLAIN: 0.1, BF16: seconds})
    assert choose(machine.step, [PLAIN, BF16], clock=machine.clock).way == expected


def test_the_best_of_several_times_counts() -> None:
    machine, steps = Machine({PLAIN: 0.1, BF16: 0.05}), 0

    def disturbed(way: Way) -> None:
        nonlocal steps
        steps += 1
        machine.step(way)
        machine.now += 0.5 if way == BF16 and steps % 4 == 0 else 0

    assert choose(disturbed, [PLAIN, BF16], repeats=3, clock=machine.clock).way == BF16


def test_of_compiled_ways_only_the_most_promising_is_tried() -> None:
    every = [PLAIN, LAST, BF16, BF16_LAST]
    machine = Machine({PLAIN: 0.5, LAST: 0.4, BF16: 0.2, BF16_LAST: 0.3, compiled(BF16): 0.1})
    choice = choose(machine.step, [*every, *map(compiled, every)], clock=machine.clock)
    assert choice.way == compiled(BF16)
    assert {way for way in machine.tried if way.compile} == {compiled(BF16)}


def test_a_way_that_cannot_be_gone_is_left_out_with_the_reason() -> None:
    machine = Machine({PLAIN: 0.1, LAST: 0.05})
    choice = choose(machine.step, [PLAIN, LAST, compiled(PLAIN), compiled(LAST)], clock=machine.clock)
    assert choice.way == LAST
    assert choice.sentence.endswith(
        "; float32 with channels_last and torch.compile is not possible here "
        "(no float32 with channels_last and torch.compile here)"
    )


@pytest.mark.parametrize(
    ("seconds", "error"), [({BF16: 0.1}, RuntimeError), ({PLAIN: 0.1}, UserError), ({PLAIN: 0.1}, ValueError)]
)
def test_the_plain_ways_error_and_any_other_is_passed_on(seconds: dict[Way, float], error: type[Exception]) -> None:
    machine = Machine(seconds, error)
    with pytest.raises(error, match="here"):
        choose(machine.step, [PLAIN, BF16], clock=machine.clock)


def test_strict_leaves_only_the_plain_way_and_what_is_given() -> None:
    assert ways(config(), CPU, has_pictures=True) == [PLAIN]
    assert ways(config(), CUDA, has_pictures=True) == [PLAIN]
    assert ways(config(precision="bf16", layout="channels_last"), CPU, has_pictures=True) == [BF16_LAST]
    assert ways(config(compile=True), CUDA, has_pictures=True) == [compiled(PLAIN)]


def test_off_opens_what_is_auto() -> None:
    free = config(determinism="off")
    assert ways(free, CPU, has_pictures=False) == [PLAIN, BF16]
    assert ways(free, CPU, has_pictures=True) == [PLAIN, LAST, BF16, BF16_LAST]
    assert {way.precision for way in ways(free, CUDA, has_pictures=False)} == {"float32", "bf16", "fp16"}
    assert ways(config(determinism="off", precision="bf16"), CPU, has_pictures=True) == [BF16, BF16_LAST]
    both = ways(config(determinism="off", compile="auto"), CPU, has_pictures=False)
    assert both == [PLAIN, BF16, compiled(PLAIN), compiled(BF16)]


@pytest.mark.parametrize("device", [CPU, CUDA])
@pytest.mark.parametrize("determinism", ["strict", "off"])
def test_the_plainest_way_comes_first(device: torch.device, determinism: str) -> None:
    assert ways(config(determinism=determinism), device, has_pictures=True)[0] == PLAIN


def test_compile_without_a_compiler_is_refused_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"train\.compile: .*no-such-compiler is not there; install it"):
        ways(config(compile=True), CPU, has_pictures=False)
    assert ways(config(compile=True), CUDA, has_pictures=False) == [compiled(PLAIN)]


@pytest.mark.chain
def test_without_a_compiler_auto_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported before CXX is set, which it reads once, for all later tests of this process.
    from torch._inductor import config as inductor

    monkeypatch.setenv("CXX", "no-such-compiler")
    with inductor.patch({"cpp.cxx": (None, "no-such-compiler")}):
        choice = choose(linear_step(), ways(config(determinism="off", compile="auto", precision="float32"), CPU, False))
    assert choice.way == PLAIN
    assert "float32 with torch.compile is not possible here (" in choice.sentence


def test_an_lstm_in_bf16_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    lstm = config(precision="bf16", network={"kind": "rnn", "cell": "lstm"})
    monkeypatch.setattr("tasks.trainers.torch.speed.has_bf16_instructions", lambda: False)
    with pytest.raises(UserError, match=r"no LSTM in bf16 on .*; use `precision: float32`, or `cell: gru`"):
        ways(lstm, CPU, has_pictures=False)
    assert ways(lstm, CUDA, has_pictures=False)
    assert ways(config(precision="bf16", network={"kind": "rnn", "cell": "gru"}), CPU, has_pictures=False)
    monkeypatch.setattr("tasks.trainers.torch.speed.has_bf16_instructions", lambda: True)
    assert ways(lstm, CPU, has_pictures=False)


def test_autocast_computes_in_the_ways_precision() -> None:
    network, rows = torch.nn.Linear(4, 2), torch.ones(3, 4)
    for way, expected in ((PLAIN, torch.float32), (BF16, torch.bfloat16), (fp16(), torch.float16)):
        with autocast(way, CPU):
            assert network(rows).dtype == expected
    assert network(rows).dtype == torch.float32


def fp16() -> Way:
    return Way(precision="fp16", layout="contiguous", compile=False)


def linear_step() -> Callable[[Way], None]:
    network, rows = torch.nn.Linear(4, 2), torch.ones(3, 4)

    def step(way: Way) -> None:
        torch.compiler.reset()
        (torch.compile(network) if way.compile else network)(rows).sum().backward()

    return step
