from __future__ import annotations

import random
import struct
import tracemalloc
import warnings

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.columns.audio import sound
from tasks.columns.audio.sound import Clip, Spectrogram, begins_as_sound, decode, draw, mel_filters
from tests.sounds import packed, tone, wav

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


CODINGS = {
    "WAV ULAW": 0.02,
    "WAV ALAW": 0.02,
    "WAV IMA_ADPCM": 0.05,
    "WAV GSM610": 0.1,
    "WAVEX PCM_24": 1e-6,
    "FLAC PCM_16": 1e-4,
    "FLAC PCM_24": 1e-6,
    "OGG VORBIS": 0.05,
    "OGG OPUS": 0.05,
    "MP3 MPEG_LAYER_III": 0.05,
}
"""How far the samples may be from what was written, in root mean square: lossy ones keep the sound only."""
LONG_WAVE = 0.5 * np.sin(np.arange(8_000) / 3)


@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_holds_the_sound_that_was_written(coding: str) -> None:
    content = packed(LONG_WAVE, *coding.split())
    clip = decode(content)
    assert clip is not None
    assert clip.rate == 8_000
    # Some codings work in blocks, and fill up the last one.
    assert 8_000 <= len(clip.samples) < 9_100
    inner = slice(400, 7_600)
    assert np.sqrt(np.mean((clip.samples[inner] - LONG_WAVE[inner]) ** 2)) < CODINGS[coding]
    begins = pl.DataFrame({"x": [content, b"no sound"]}).select(begins_as_sound(pl.col("x")))
    assert begins["x"].to_list() == [True, False]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_file_that_is_cut_short_is_no_sound(coding: str) -> None:
    content = packed(LONG_WAVE, *coding.split())
    assert [decode(content[:-cut]) for cut in (2, 100, len(content) // 2)] == [None] * 3


@pytest.mark.parametrize("coding", ["FLAC PCM_16", "OGG VORBIS", "MP3 MPEG_LAYER_III", "WAV ULAW"])
def test_two_channels_become_their_mean(coding: str) -> None:
    clip = decode(packed(np.stack([LONG_WAVE * 1.5, LONG_WAVE * 0.5], axis=1), *coding.split()))
    assert clip is not None
    assert np.sqrt(np.mean((clip.samples[400:7_600] - LONG_WAVE[400:7_600]) ** 2)) < 0.05


def flac_that_claims(num_frames: int, cut: int = 0) -> bytes:
    """The number of frames is the last 36 of the 64 bits that begin at byte 18."""
    content = bytearray(packed(LONG_WAVE, "FLAC", "PCM_16"))
    bits = int.from_bytes(content[18:26], "big") >> 36 << 36
    content[18:26] = (bits | num_frames).to_bytes(8, "big")
    return bytes(content[: len(content) - cut])


def test_a_header_that_claims_gigabytes_takes_no_memory() -> None:
    tracemalloc.start()
    assert decode(flac_that_claims(2**36 - 1)) is None
    assert decode(flac_that_claims(2**30)) is None
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_a_streamed_flac_file_has_no_length() -> None:
    clip = decode(flac_that_claims(0))
    assert clip is not None
    assert np.allclose(clip.samples, LONG_WAVE, atol=1e-4)
    assert decode(flac_that_claims(0, cut=100)) is None


def test_more_samples_than_the_bound_are_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = packed(np.zeros(200_000), "FLAC", "PCM_16")
    assert decode(silence) is not None
    monkeypatch.setattr(sound, "_MOST_FRAMES", 100_000)
    assert decode(silence) is None
    # Plain samples are bounded by the file that they are in.
    assert decode(packed(np.zeros(200_000), "WAV", "PCM_U8")) is not None


def test_an_mp3_file_without_a_count_of_its_frames_is_read_to_its_end() -> None:
    content = packed(np.tile(LONG_WAVE, 10), "MP3", "MPEG_LAYER_III")
    second = content.index(content[:2], 4)
    clip = decode(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + content[second:])
    assert clip is not None


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
    # Of MP3, libmpg123 writes to stderr what it makes of damage, which no test can catch; it is as patient.
    files += [packed(LONG_WAVE, *coding.split()) for coding in ("FLAC PCM_16", "OGG VORBIS", "WAV ULAW")]
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
