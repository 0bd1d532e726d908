"""What every network keeps to, whatever it is for; a new one needs a line in CASES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, FieldKind, Spec
from tasks.networks import build
from tasks.networks.base import Dropout, InputNetwork, PlaceInBatch, check_shapes
from tasks.params.config import Config
from tasks.params.networks import (
    AudioCnnNetwork,
    CnnNetwork,
    MlpNetwork,
    Network,
    RnnNetwork,
    TextCnnNetwork,
    TransformerNetwork,
    VitNetwork,
)
from tasks.trainers.torch.speed import has_bf16_instructions

NUM_ROWS = 6
FIELDS: dict[FieldKind, Field] = {
    "dense": Field(name="size.of it", kind="dense", shape=(3,), labels=("x", "y", "z")),
    "category_index": Field(name="town", kind="category_index", shape=(4,), labels=tuple("abcd")),
    "tokens": Field(name="note", kind="tokens", shape=(9,), vocabulary=30),
    "image": Field(name="scan", kind="image", shape=(2, 9, 8), factor=(1 / 64, 1 / 64), offset=(-2.0, -2.0)),
    "audio": Field(name="call", kind="audio", shape=(1, 8, 11), factor=(1 / 64,), offset=(-2.0,)),
}
SPARSE = Field(name="words", kind="sparse", shape=(9,))


@dataclass(frozen=True)
class Case:
    name: str
    config: Any
    kind: FieldKind
    answers: int = 0
    """Networks that answer at once, each with outputs of its own; 0: one, whose outputs are [B, O]."""


def mlp(**settings: Any) -> MlpNetwork:
    return MlpNetwork(kind="mlp", dropout=0.25, **settings)


def cnn(**settings: Any) -> CnnNetwork:
    return CnnNetwork(kind="cnn", channels=(4, 6), hidden=16, dropout=0.25, **settings)


def rnn(**settings: Any) -> RnnNetwork:
    return RnnNetwork(kind="rnn", width=12, embedding=8, dropout=0.25, **settings)


TRANSFORMER = TransformerNetwork(kind="transformer", width=16, num_layers=2, num_heads=4, mlp_ratio=2, dropout=0.25)
VIT = VitNetwork(kind="vit", patch_size=3, width=16, num_layers=2, num_heads=4, mlp_ratio=2, dropout=0.25)
TEXT_CNN = TextCnnNetwork(kind="text_cnn", kernel_sizes=(1, 3, 12), channels=8, embedding=8, dropout=0.25)
AUDIO_CNN = AudioCnnNetwork(kind="audio_cnn", channels=(4, 6), hidden=16, dropout=0.25)
AUDIO_CNN_BARE = AudioCnnNetwork(kind="audio_cnn", channels=(4,), norm="none", hidden=16, dropout=0.25)

CASES = [
    Case("mlp", mlp(hidden=(32, 16)), "dense"),
    Case("mlp-batch", mlp(hidden=(32, 16), norm="batch"), "dense"),
    Case("mlp-layer", mlp(hidden=(32, 16), norm="layer", activation="tanh"), "dense"),
    Case("mlp-image", mlp(hidden=(16,)), "image"),
    Case("mlp-embedding", mlp(hidden=(16,), embedding=3), "category_index"),
    Case("mlp-residual", mlp(style="residual", hidden=(32, 32)), "dense"),
    Case("mlp-residual-batch", mlp(style="residual", hidden=(32, 32), norm="batch"), "dense"),
    Case("mlp-tabm", mlp(style="tabm", hidden=(32,), members=4), "dense", answers=4),
    Case("mlp-tabm-batch", mlp(style="tabm", hidden=(32,), members=4, norm="batch"), "dense", answers=4),
    Case("cnn", cnn(), "image"),
    Case("cnn-bare", cnn(norm="none", activation="relu"), "image"),
    Case("cnn-valid", cnn(padding="valid", convolutions=1), "image"),
    Case("cnn-whitening-dirac", cnn(whitening=True, dirac=True), "image"),
    Case("cnn-residual", cnn(style="residual"), "image"),
    Case("cnn-residual-bare", cnn(style="residual", norm="none"), "image"),
    Case("cnn-audio", cnn(norm="none"), "audio"),
    Case("rnn-rnn", rnn(cell="rnn"), "tokens"),
    Case("rnn-lstm", rnn(cell="lstm"), "tokens"),
    Case("rnn-gru", rnn(cell="gru"), "tokens"),
    Case("rnn-two-layers", rnn(num_layers=2), "tokens"),
    Case("rnn-one-direction", rnn(cell="lstm", num_layers=2, bidirectional=False), "tokens"),
    Case("rnn-audio", rnn(), "audio"),
    Case("transformer", TRANSFORMER, "tokens"),
    Case("transformer-audio", TRANSFORMER, "audio"),
    Case("vit", VIT, "image"),
    Case("vit-audio", VIT, "audio"),
    Case("text_cnn", TEXT_CNN, "tokens"),
    Case("audio_cnn", AUDIO_CNN, "audio"),
    Case("audio_cnn-bare", AUDIO_CNN_BARE, "audio"),
]


def over(cases: Sequence[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


every_case = over(CASES)
ONE_A_KIND = [case for case in CASES if case.name in (case.config.kind, "rnn-gru")]
of_texts = over([case for case in CASES if case.kind == "tokens"])


def spec(*fields: Field, classes: str = "abc") -> Spec:
    task = {0: "regression", 2: "binary"}.get(len(classes), "multiclass")
    return Spec(fields=fields, task=task, classes=tuple(classes))  # type: ignore[arg-type]


def own(case: Case, classes: str = "abc") -> Spec:
    return spec(FIELDS[case.kind], classes=classes)


def joined(case: Case) -> Spec:
    """The case's own column, and one of each kind besides it."""
    others = [
        Field(name=f"other {kind}", kind=kind, shape=field.shape, vocabulary=field.vocabulary, factor=field.factor,
              offset=field.offset) for kind, field in FIELDS.items()
    ]  # fmt: skip
    return spec(FIELDS[case.kind], *others)


def block(field: Field, num_rows: int = NUM_ROWS) -> Tensor:
    """Random rows; texts are of all lengths, none of them empty."""
    match field.kind:
        case "image" | "audio":
            return torch.randint(0, 256, (num_rows, *field.shape), dtype=torch.uint8)
        case "category_index":
            return torch.randint(0, field.num_inputs, (num_rows,), dtype=torch.int32)
        case "tokens":
            tokens = torch.randint(1, field.vocabulary, (num_rows, *field.shape), dtype=torch.int32)
            lengths = 1 + torch.arange(num_rows) % field.shape[0]
            return tokens * (torch.arange(field.shape[0]) < lengths[:, None])
        case _:
            return torch.randn(num_rows, *field.shape)


def batch(of: Spec, num_rows: int = NUM_ROWS) -> dict[str, Tensor]:
    return {field.name: block(field, num_rows) for field in of.fields}


def fresh(config: Config, of: Spec, seed: int = 0) -> InputNetwork:
    torch.manual_seed(seed)
    return build(config, of)  # type: ignore[arg-type]


def loss_of(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy; of many networks in one, the mean of each one's own."""
    if outputs.dim() == 2:
        return functional.cross_entropy(outputs, labels)
    return torch.stack([functional.cross_entropy(answer, labels) for answer in outputs.unbind(1)]).mean()


def train(
    network: InputNetwork, blocks: dict[str, Tensor], labels: Tensor, num_steps: int, enough: float = 0.0
) -> float:
    """The loss after so many steps of Adam, or where it first is below `enough`."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = loss_of(network(blocks), labels)
        if loss < enough:
            break
        loss.backward()
        optimizer.step()
    return loss.item()


def to_bytes(network: nn.Module) -> bytes:
    return save(network.state_dict())


def test_every_network_of_the_parameters_has_a_case() -> None:
    union, _ = get_args(Network)
    assert {type(case.config) for case in CASES} == set(get_args(union))
    assert {style for case in CASES if (style := getattr(case.config, "style", None))} == {"plain", "residual", "tabm"}


@every_case
@pytest.mark.parametrize(("classes", "outputs"), [("ny", 2), ("abc", 3), ("", 1)])
def test_it_answers_in_the_tasks_shape(case: Case, classes: str, outputs: int) -> None:
    of = own(case, classes)
    found = build(case.config, of)(batch(of))
    assert found.shape == ((NUM_ROWS, case.answers, outputs) if case.answers else (NUM_ROWS, outputs))
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@every_case
def test_it_answers_with_one_number_where_that_is_asked_for(case: Case) -> None:
    of = own(case, "ny")
    assert build(case.config, of, num_outputs=1)(batch(of)).shape[-1] == 1


@every_case
def test_the_head_reads_the_features(case: Case) -> None:
    of = joined(case)
    network, blocks = build(case.config, of).eval(), batch(of)
    features = network.features(blocks)
    assert features.dim() == 2
    assert len(features) == NUM_ROWS
    assert torch.equal(network.head(features), network(blocks))


@every_case
def test_gradients_reach_every_weight(case: Case) -> None:
    of = joined(case)
    network = build(without_dropout(case.config), of)
    loss_of(network(batch(of, 16)), torch.arange(16) % 3).backward()
    learning = [(name, weights) for name, weights in network.named_parameters() if weights.requires_grad]
    idle = [name for name, weights in learning if weights.grad is None or not weights.grad.any()]
    assert idle == []


@every_case
def test_it_overfits_32_rows(case: Case) -> None:
    """Their labels are drawn at random, but for a category, which has but four values to learn from."""
    of = own(case)
    blocks, labels = batch(of, 32), torch.randint(0, 3, (32,))
    if case.kind == "category_index":
        labels = blocks["town"].long() % 3
    network = fresh(without_dropout(case.config), of)
    assert loss_of(network(blocks), labels) > 0.5
    assert train(network, blocks, labels, num_steps=300, enough=0.1) < 0.1


@every_case
def test_the_same_seed_gives_the_same_bytes(case: Case) -> None:
    of = joined(case)
    blocks, labels = batch(of), torch.arange(NUM_ROWS) % 3
    first, again, other = (fresh(case.config, of, seed) for seed in (1, 1, 2))
    assert to_bytes(first) == to_bytes(again) != to_bytes(other)
    torch.use_deterministic_algorithms(True)
    try:
        for network in (first, again):
            torch.manual_seed(5)
            train(network, blocks, labels, num_steps=3)
    finally:
        torch.use_deterministic_algorithms(False)
    assert to_bytes(first) == to_bytes(again)


@every_case
def test_saved_and_loaded_it_answers_the_same_to_the_bit(case: Case) -> None:
    of = joined(case)
    network, other, blocks = fresh(case.config, of, 1), fresh(case.config, of, 2), batch(of)
    network(blocks)  # batch norm has learnt something, too
    other.load_state_dict(load(to_bytes(network)))
    assert torch.equal(network.eval()(blocks), other.eval()(blocks))


@every_case
def test_rows_of_another_shape_are_refused_with_both_shapes(case: Case) -> None:
    of = own(case)
    field = of.fields[0]
    check_shapes(of, batch(of))
    wrong = torch.zeros(NUM_ROWS, *field.shape, 5)
    with pytest.raises(UserError) as refused:
        check_shapes(of, {field.name: wrong})
    assert all(str(shape) in str(refused.value) for shape in (field.row_shape, (*field.shape, 5)))
    assert field.name in str(refused.value)


@every_case
def test_a_column_that_it_cannot_read_is_refused_with_the_cure(case: Case) -> None:
    with pytest.raises(
        UserError, match=rf"column words: network {case.config.kind} cannot read sparse .*kind: sklearn"
    ):
        build(case.config, spec(FIELDS[case.kind], SPARSE))
    with pytest.raises(UserError, match="no column to read"):
        build(case.config, spec())
    if case.config.kind != "mlp":
        with pytest.raises(UserError, match=rf"{case.config.kind} is for .* none of .*size\.of it.* is one; use .*mlp"):
            build(case.config, spec(FIELDS["dense"], FIELDS["category_index"]))


@every_case
def test_joined_columns_all_have_a_say(case: Case) -> None:
    of = joined(case)
    network, blocks = build(case.config, of).eval(), batch(of)
    outputs = network(blocks)
    assert outputs.shape[-1] == 3
    for field in of.fields:
        changed = network({**blocks, field.name: block(field).flip(0)})
        assert (changed - outputs).abs().max() > 1e-4, field.name


@every_case
def test_two_columns_of_its_own_kind_are_read_apart(case: Case) -> None:
    of = joined(case)
    twins = [field for field in of.fields if field.kind == case.kind]
    network, blocks = build(case.config, of).eval(), batch(of)
    swapped = {**blocks, twins[0].name: blocks[twins[1].name], twins[1].name: blocks[twins[0].name]}
    assert len(twins) == 2
    assert not torch.allclose(network(blocks), network(swapped), atol=1e-4)


@every_case
def test_mixed_categories_are_read(case: Case) -> None:
    of = spec(*{field.name: field for field in (FIELDS[case.kind], FIELDS["category_index"])}.values())
    network, blocks = build(case.config, of).eval(), batch(of)
    plain = torch.eye(4)[blocks["town"].long()]
    torch.testing.assert_close(network({**blocks, "town": plain}), network(blocks))
    mixed = network({**blocks, "town": 0.7 * plain + 0.3 * plain.flip(1)})
    assert mixed.isfinite().all()
    assert not torch.allclose(mixed, network(blocks), atol=1e-4)


@every_case
def test_bytes_may_come_as_floats_and_whole_numbers_in_any_width(case: Case) -> None:
    of = own(case)
    network, blocks = build(case.config, of).eval(), batch(of)
    other = {name: values.float() if values.dtype == torch.uint8 else values for name, values in blocks.items()}
    other = {name: values.long() if values.dtype == torch.int32 else values for name, values in other.items()}
    assert torch.equal(network(blocks), network(other))


@every_case
def test_rows_do_not_look_at_each_other(case: Case) -> None:
    of = joined(case)
    network, blocks = build(case.config, of).eval(), batch(of)
    outputs, order = network(blocks), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(network({name: values[order] for name, values in blocks.items()}), outputs[order])
    alone = {name: values[4:5] for name, values in blocks.items()}
    torch.testing.assert_close(network(alone), outputs[4:5])


@every_case
def test_a_batch_in_pieces_loses_what_the_whole_batch_loses(case: Case) -> None:
    of = joined(case)
    network, blocks = build(case.config, of).train(), batch(of)
    if has_batch_norm(network):
        pytest.skip("batch norm looks at the rows of its piece")
    whole = in_pieces(network, blocks, [0, NUM_ROWS])
    torch.testing.assert_close(in_pieces(network, blocks, [0, 1, 4, NUM_ROWS]), whole)
    assert not torch.allclose(network.eval()(blocks), whole, atol=1e-4)


@of_texts
def test_filling_is_not_read_however_much_there_is(case: Case) -> None:
    """Also after training, and by a network for longer texts that takes the weights over."""
    longer = Field(name="note", kind="tokens", shape=(14,), vocabulary=30)
    network, other = fresh(case.config, own(case)), fresh(case.config, spec(longer))
    blocks = batch(own(case))
    train(network, blocks, torch.arange(NUM_ROWS) % 3, num_steps=3)
    other.load_state_dict(network.state_dict())
    filled = {"note": functional.pad(blocks["note"], (0, 5))}
    torch.testing.assert_close(other.eval()(filled), network.eval()(blocks))


@of_texts
def test_an_empty_text_is_answered_and_gives_finite_gradients(case: Case) -> None:
    network = build(case.config, own(case)).train()
    blocks = batch(own(case))
    blocks["note"][:2] = 0
    network(blocks).square().sum().backward()
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    assert all(weights.grad is not None and weights.grad.isfinite().all() for weights in learning)
    outputs = network.eval()(blocks)
    assert outputs.isfinite().all()
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2], atol=1e-4)


@every_case
def test_bfloat16_answers_nearly_as_float32(case: Case) -> None:
    if case.name in ("rnn-lstm", "rnn-one-direction") and not has_bf16_instructions():
        pytest.skip("this processor has no instructions for it, without which PyTorch has no LSTM in it either")
    of = joined(case)
    network, blocks = build(case.config, of).eval(), batch(of)
    wanted = network(blocks)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(blocks)
        loss_of(network.train()(blocks).float(), torch.arange(NUM_ROWS) % 3).backward()
    torch.testing.assert_close(outputs.float(), wanted, atol=0.05, rtol=0.05)
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    assert all(weights.grad is not None and weights.grad.isfinite().all() for weights in learning)


@over(CASES)
@pytest.mark.chain
def test_the_compiler_can_follow_it(case: Case) -> None:
    # The last batch of an epoch is a smaller one.
    compare_compiled(case, "aot_eager", (NUM_ROWS, NUM_ROWS - 1))


@over([case if case.name == "mlp" else pytest.param(case, marks=pytest.mark.long) for case in ONE_A_KIND])
@pytest.mark.chain
def test_compiled_it_answers_and_learns_the_same(case: Case) -> None:
    # Each size is compiled by itself, and takes a C++ compiler ten seconds.
    compare_compiled(case, "inductor", (NUM_ROWS,))


def compare_compiled(case: Case, backend: str, sizes: Sequence[int]) -> None:
    of = own(case)
    torch._dynamo.reset()
    network = build(without_dropout(case.config), of)
    compiled = torch.compile(network, backend=backend, dynamic=False)
    for num_rows in sizes:
        blocks = batch(of, num_rows)
        state = {name: values.clone() for name, values in network.state_dict().items()}
        wanted = outputs_and_gradients(network, network, blocks)
        network.load_state_dict(state)
        found = outputs_and_gradients(compiled, network, blocks)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-3)


def outputs_and_gradients(call: Any, network: nn.Module, blocks: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    network.zero_grad()
    outputs = call(blocks)
    outputs.square().sum().backward()
    return outputs.detach(), [weights.grad.clone() for weights in network.parameters() if weights.grad is not None]


def in_pieces(network: InputNetwork, blocks: dict[str, Tensor], cuts: list[int]) -> Tensor:
    """Each piece begins with the same seed and knows its place, as workers do that share a batch."""
    outputs = []
    for start, stop in pairwise(cuts):
        for module in network.modules():
            if isinstance(module, Dropout):
                module.place = PlaceInBatch(torch.arange(start, stop), cuts[-1])
        torch.manual_seed(7)
        outputs.append(network({name: values[start:stop] for name, values in blocks.items()}))
    return torch.cat(outputs)


def has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules())


def without_dropout(config: Config) -> Config:
    return config.model_copy(update={"dropout": 0.0})
