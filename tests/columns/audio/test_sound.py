from __future__ import annotations

import random
import struct
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.columns.audio.sound import Clip, Spectrogram, decode, draw, mel_filters
from tests.sounds import tone, wav

WAVE = np.sin(np.arange(160) / 3)
HOW = Spectrogram(rate=8_000, num_samples=2_000, window=200, hop=80, n_mels=40, top_db=80)
FORMS: dict[str, NDArray[np.generic]] = {
    "unsigned": (WAVE * 127 + 128).astype(np.uint8),
    "16 bits": (WAVE * 32_767).astype(np.int16),
    "32 bits": (WAVE * (2**31 - 1)).astype(np.int32),
    "float": WAVE.astype(np.float32),
    "double": WAVE,
    "stereo": np.stack([WAVE * 1.5, WAVE * 0.5], axis=1),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_samples_is_read_alike(form: str) -> None:
    clip = decode(wav(FORMS[form]))
    assert clip is not None
    assert (clip.rate, clip.seconds, clip.samples.dtype) == (8_000, 0.02, np.float32)
    assert np.allclose(clip.samples, WAVE, atol=2 / 127)


def test_samples_of_24_bits() -> None:
    packed = b"".join(int(value * (2**23 - 1)).to_bytes(3, "little", signed=True) for value in WAVE)
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 24_000, 3, 24)
    body = b"WAVE" + header + struct.pack("<4sI", b"data", len(packed)) + packed
    clip = decode(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert clip is not None
    assert np.allclose(clip.samples, WAVE, atol=1e-6)


def test_other_chunks_are_passed_over_without_a_warning() -> None:
    plain = tone(440)
    odd = plain[:12] + struct.pack("<4sI", b"odd ", 3) + b"abc\0" + plain[12:] + b"tail"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, expected = decode(odd), decode(plain)
    assert found is not None
    assert expected is not None
    assert np.array_equal(found.samples, expected.samples)


def test_a_streamed_file_has_no_length() -> None:
    plain = tone(440)
    place = plain.index(b"data") + 4
    found = decode(plain[:place] + b"\xff" * 4 + plain[place + 4 :])
    assert found is not None
    assert found.seconds == 0.25


def header(**changes: int) -> bytes:
    """A WAV file with other numbers in its header, by their place."""
    content = bytearray(tone(440))
    for place, value in ((int(name[1:]), value) for name, value in changes.items()):
        content[place : place + 4] = struct.pack("<I", value)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"RIFF", b"text", tone(440)[:30], tone(440)[:-1], header(_24=0), header(_24=2**31), header(_40=9_999)],
    ids=["none", "empty", "name", "text", "header", "cut", "no rate", "absurd rate", "wrong size"],
)
def test_what_is_no_whole_file_is_no_sound(content: bytes | None) -> None:
    assert decode(content) is None


def test_samples_that_are_no_numbers_are_no_sound() -> None:
    assert decode(wav(np.array([0.0, np.nan]))) is None
    assert decode(wav(np.array([0.0, 1e300]))) is None


def test_damaged_bytes_never_crash_or_warn() -> None:
    dice, found = random.Random(0), set()
    files = [wav(samples) for samples in FORMS.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2_000):
            damaged = bytearray(dice.choice(files))
            for _ in range(dice.randrange(1, 4)):
                damaged[dice.randrange(60)] = dice.choice([0, 1, 3, 255, dice.randrange(256)])
            clip = decode(bytes(damaged))
            found.add(clip is None)
            if clip is not None:
                assert draw(clip, HOW).shape == (40, HOW.num_frames)
    assert found == {True, False}


def test_the_filters_are_triangles_evenly_spaced_in_mel() -> None:
    filters = mel_filters(16_000, 1_024, 40)
    assert filters.shape == (40, 513)
    assert filters.min() == 0
    assert filters.max() <= 1
    peaks = filters.argmax(axis=1) * 16_000 / 1_024
    mel = 2595 * np.log10(1 + peaks / 700)
    assert np.diff(mel) == pytest.approx(2595 * np.log10(1 + 8_000 / 700) / 41, abs=25)
    # Neighbours overlap so that together they hear every pitch between the outer ones alike.
    inner = slice(filters[0].argmax(), filters[-1].argmax())
    assert filters.sum(axis=0)[inner] == pytest.approx(1)


def test_a_pure_tone_is_brightest_in_the_band_of_its_pitch() -> None:
    for pitch in (300, 1_000, 3_000):
        clip = decode(tone(pitch))
        assert clip is not None
        bins = np.fft.rfftfreq(HOW.num_points, 1 / HOW.rate)
        nearest = mel_filters(HOW.rate, HOW.num_points, HOW.n_mels)[:, np.abs(bins - pitch).argmin()].argmax()
        assert abs(int(draw(clip, HOW).mean(axis=1).argmax()) - nearest) <= 1


def test_every_sample_is_heard() -> None:
    for num_samples in (1, 199, 200, 201, 280, 281):
        how = Spectrogram(rate=8_000, num_samples=num_samples, window=200, hop=80, n_mels=8, top_db=80)
        samples = np.zeros(num_samples, dtype=np.float32)
        samples[-1 if num_samples < 100 else -50] = 1
        assert 200 + (how.num_frames - 1) * 80 >= num_samples
        assert draw(Clip(8_000, samples), how).shape == (8, how.num_frames)
