"""Sounds are changed as told, on the batch and in their samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.audio.augment import augment_spectrograms, changed_samples, changed_wav
from tasks.columns.audio.sound import Clip, Spectrogram, decode, draw
from tasks.params.augment import AugmentAudio
from tests.sounds import tone

HOW = Spectrogram(rate=8_000, num_samples=4_000, window=200, hop=80, n_mels=20, top_db=80)
EVERYTHING = AugmentAudio(shift=0.3, gain=10, noise=0.5, stretch=0.2, pitch_shift=0.2, time_mask=0.3, pitch_mask=0.3)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4) -> torch.Tensor:
    drawn = [draw(Clip(8_000, decode(tone(300 + 200 * number, 0.5)).samples), HOW) for number in range(count)]  # type: ignore[union-attr]
    return torch.from_numpy(np.stack(drawn)[:, None]).float()


def changed(before: torch.Tensor, seed: int = 0, **settings: float) -> torch.Tensor:
    return augment_spectrograms(before, AugmentAudio(**settings), generator(seed), HOW)


def test_nothing_set_changes_nothing_and_draws_nothing() -> None:
    draws = generator()
    before = pictures()
    assert torch.equal(augment_spectrograms(before, AugmentAudio(), draws, HOW), before)
    assert torch.equal(torch.rand(3, generator=draws), torch.rand(3, generator=generator()))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shape_type_and_range_stay_and_the_seed_decides(dtype: torch.dtype) -> None:
    before = pictures().to(dtype)
    kept = before.clone()
    after = augment_spectrograms(before, EVERYTHING, generator(1), HOW)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert after.float().min() >= 0
    assert after.float().max() <= 255
    assert torch.equal(before, kept)
    assert torch.equal(after, augment_spectrograms(before, EVERYTHING, generator(1), HOW))
    assert not torch.equal(after, augment_spectrograms(before, EVERYTHING, generator(2), HOW))


def test_a_shift_moves_whole_frames_and_fills_in_silence() -> None:
    before = pictures(1) + 1  # so that silence can be told from what was there
    frames = before.shape[3]
    for seed in range(6):
        after = changed(before, seed, shift=0.4)
        filled = int((after == 0).all(dim=2).sum())
        assert filled <= 0.4 * frames + 1
        right = torch.equal(after[..., filled:], before[..., : frames - filled])
        left = torch.equal(after[..., : frames - filled], before[..., filled:])
        assert right or left


def test_a_decibel_is_so_many_bytes() -> None:
    before = torch.full((50, 1, 20, 9), 128.0)
    before[:, :, 0] = 0
    after = changed(before, gain=6)
    steps = after[:, 0, 1, 0] - 128
    assert (steps.abs() <= 6 * 255 / 80).all()
    assert steps.abs().max() > 5 * 255 / 80
    assert (after[:, :, 1:] == after[:, :, 1:2, :1]).all()
    assert (after[:, :, 0] == 0).all()


def test_noise_fills_silence_and_leaves_the_loudest_place() -> None:
    before = pictures(8)
    after = changed(before, noise=0.5)
    assert torch.allclose(after.amax(dim=(1, 2, 3)), before.amax(dim=(1, 2, 3)), atol=0.5)
    quiet = before < 20
    assert after[quiet].mean() > before[quiet].mean() + 20


def test_noise_in_the_picture_is_about_the_noise_in_the_samples() -> None:
    clip = Clip(8_000, decode(tone(600, 0.5)).samples)  # type: ignore[union-attr]
    share = 0.3
    random = np.random.default_rng(0)
    noisy = clip.samples + random.normal(size=len(clip.samples)) * share * np.sqrt(np.mean(clip.samples**2))
    expected = draw(Clip(8_000, noisy.astype(np.float32)), HOW).astype(float)
    before = torch.from_numpy(draw(clip, HOW)).float().expand(200, 1, -1, -1)
    seeds = changed(before, noise=0.999)
    # Of many draws the one with the wanted level, as a picture shows it in its quiet places.
    levels = seeds[:, 0, 12:].mean(dim=(1, 2)).numpy()
    place = int(np.argsort(levels)[int(share * len(levels))])
    assert levels[place] == pytest.approx(expected[12:].mean(), abs=6)


def test_a_faster_sound_ends_earlier() -> None:
    before = torch.full((200, 1, 4, 50), 100.0)
    lengths = (changed(before, stretch=0.5)[:, 0, 0] == 100).sum(dim=1)
    assert lengths.min() < 40
    assert lengths.max() == 50
    assert lengths.min() >= 50 / 1.5 - 1


def test_a_tone_goes_up_or_down_by_at_most_its_share_of_the_bands() -> None:
    before = torch.zeros(200, 1, 20, 5)
    before[:, :, 10] = 100.0
    after = changed(before, pitch_shift=0.2)
    heard = after[:, 0, :, 0]
    # All of it is there, in two bands that share it.
    assert torch.allclose(heard.sum(dim=1), torch.tensor(100.0))
    assert (after == after[..., :1]).all()
    moves = (heard * torch.arange(20)).sum(dim=1) / 100 - 10
    assert moves.abs().max() <= 4 + 1e-4
    assert moves.min() < -3
    assert moves.max() > 3


def test_what_moves_beyond_the_highest_band_is_gone_and_silence_comes_after_it() -> None:
    before = torch.full((100, 1, 20, 5), 100.0)
    silent = (changed(before, pitch_shift=0.3)[:, 0, :, 0] == 0).sum(dim=1)
    assert 4 <= silent.max() <= 6


@pytest.mark.parametrize(("name", "axis"), [("time_mask", 3), ("pitch_mask", 2)])
@settings(derandomize=True, max_examples=20, deadline=None)
@given(share=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_a_mask_silences_one_run_of_at_most_its_share(name: str, axis: int, share: float, seed: int) -> None:
    before = torch.full((6, 1, 20, 30), 50.0)
    after = changed(before, seed, **{name: share})
    silent = (after == 0).all(dim=5 - axis)[:, 0]
    assert (silent.sum(dim=1) <= share * before.shape[axis]).all()
    starts = (silent[:, 1:] & ~silent[:, :-1]).sum(dim=1) + silent[:, 0]
    assert (starts <= 1).all()
    assert ((after == 0) | (after == 50)).all()


def test_samples_move_and_get_noise() -> None:
    clip = Clip(8_000, np.ones(1_000, dtype=np.float32))
    moved = changed_samples(clip, AugmentAudio(shift=0.3), np.random.default_rng(1))
    assert 0 < np.count_nonzero(moved == 0) <= 300
    noisy = changed_samples(clip, AugmentAudio(noise=0.2), np.random.default_rng(1))
    assert 0 < noisy.std() <= 0.22
    assert np.array_equal(changed_samples(clip, AugmentAudio(), np.random.default_rng(1)), clip.samples)


def test_a_changed_wav_is_a_wav_of_the_same_length() -> None:
    content = tone(440)
    again = decode(changed_wav(content, AugmentAudio(shift=0.2, noise=0.1), np.random.default_rng(0)))
    before = decode(content)
    assert again is not None
    assert before is not None
    assert (again.rate, len(again.samples)) == (before.rate, len(before.samples))
    assert not np.array_equal(again.samples, before.samples)
