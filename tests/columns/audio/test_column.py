from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.columns.audio.column import AudioColumn, AudioEncoding
from tasks.columns.image.column import ImageColumn
from tasks.errors import UserError
from tasks.params.clean import CleanAudio
from tasks.params.normalize import NormalizeAudio
from tests.small_tables import image
from tests.sounds import tone, wav

AUDIO = AudioColumn()


def learnt(contents: list[bytes], **settings: Any) -> AudioEncoding:
    chosen = NormalizeAudio.model_validate(settings)
    return AUDIO.finish(AUDIO.fit(pl.Series("x", contents), chosen), chosen)


def encoded(contents: list[bytes], encoding: AudioEncoding) -> np.ndarray[Any, Any]:
    return AUDIO.transform(pl.Series("x", contents), encoding)


def test_sounds_are_told_from_images_by_their_first_bytes() -> None:
    sound, picture = pl.Series("x", [tone(440), None]), pl.Series("x", [image([[1, 2]], "WEBP")])
    assert (AUDIO.could_be(sound), ImageColumn().could_be(sound)) == (True, False)
    assert (AUDIO.could_be(picture), ImageColumn().could_be(picture)) == (False, True)
    assert not AUDIO.could_be(pl.Series("x", ["RIFF....WAVE"]))


def test_the_first_clip_gives_the_rate_and_the_longest_the_length() -> None:
    encoding = learnt([b"no sound", tone(440, seconds=0.2), tone(440, seconds=0.5, rate=44_100)])
    assert (encoding.rate, encoding.num_samples, encoding.window, encoding.hop) == (8_000, 4_000, 200, 80)
    assert encoding.field("x").shape == (1, 40, 1 + (4_000 - 200) // 80 + 1)
    assert encoded([tone(440), tone(440, seconds=3)], encoding).shape == (2, *encoding.field("x").shape)


def test_one_long_recording_does_not_blow_up_all_others() -> None:
    long = wav(np.zeros(11 * 8_000, dtype=np.uint8))
    assert learnt([tone(440), long]).num_samples == 10 * 8_000
    assert learnt([tone(440), long], seconds=11).num_samples == 11 * 8_000


def test_settings_go_before_what_was_seen() -> None:
    encoding = learnt([tone(440)], rate=16_000, seconds=0.1, n_mels=20, window_ms=50, hop_ms=50)
    assert encoding.field("x").shape == (1, 20, 2)


def test_a_tone_is_bright_at_its_pitch_and_dark_elsewhere() -> None:
    encoding = learnt([tone(500)])
    low, high = (encoded([tone(pitch)], encoding)[0, 0].astype(float) for pitch in (500, 2_000))
    assert low.mean(axis=1).argmax() < high.mean(axis=1).argmax()
    assert low.max() == high.max() == 255
    assert np.median(low) < 128


def test_the_same_sound_at_another_rate_and_loudness_looks_the_same() -> None:
    encoding = learnt([tone(440)])
    first = encoded([tone(440)], encoding).astype(int)
    for other in (tone(440, rate=44_100), tone(440, rate=16_000), tone(440, loudness=0.25)):
        loud = first > 128
        assert np.abs(first - encoded([other], encoding))[loud].mean() < 6


def test_silence_is_dark() -> None:
    assert encoded([tone(440, loudness=0)], learnt([tone(440)])).max() == 0


def test_a_shorter_clip_ends_in_silence() -> None:
    picture = encoded([tone(440, seconds=0.1)], learnt([tone(440, seconds=0.5)]))[0, 0]
    assert picture[:, -10:].max() == 0
    assert picture[:, :5].max() == 255


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "x has no sound"),
        (b"RIFF....WAVE", "x cannot be decoded as audio (12 bytes)"),
        (tone(440)[:-100], "x cannot be decoded as audio (3944 bytes)"),
        (wav(np.zeros(0, dtype=np.int16)), "x holds no samples"),
    ],
)
def test_faults_say_what_is_wrong(content: bytes | None, reason: str) -> None:
    assert AUDIO.faults(pl.Series("x", [content, tone(440)], dtype=pl.Binary)).to_list() == [reason, None]


QUIET = tone(440, loudness=0.0005)
OUT_OF_PHASE = wav(np.array([[9_000, -9_000], [-9_000, 9_000]] * 50, dtype=np.int16))


@pytest.mark.parametrize("content", [QUIET, tone(440, loudness=0), OUT_OF_PHASE], ids=["quiet", "none", "out of phase"])
def test_silent_sounds_go_are_flagged_or_stay(content: bytes) -> None:
    values = pl.Series("x", [content, tone(440, loudness=0.01), b"no sound"])
    reason = "x is silent: never louder than 60 dB below full scale"
    broken = "x cannot be decoded as audio (8 bytes)"
    assert AUDIO.faults(values).to_list() == [reason, None, broken]
    assert AUDIO.flags(values).null_count() == 3
    flagged = CleanAudio(silent="flag")
    assert AUDIO.faults(values, flagged).to_list() == [None, None, broken]
    assert AUDIO.flags(values, flagged).to_list() == [reason, None, None]
    kept = CleanAudio(silent="keep")
    assert AUDIO.faults(values, kept).to_list() == [None, None, broken]
    assert AUDIO.flags(values, kept).null_count() == 3


def test_what_counts_as_silence_is_set_in_decibels() -> None:
    values = pl.Series("x", [tone(440, loudness=loudness) for loudness in (0.09, 0.11)])
    reason = "x is silent: never louder than 20 dB below full scale"
    assert AUDIO.faults(values, CleanAudio(silent_db=-20)).to_list() == [reason, None]


def test_short_clips_say_their_length_and_the_limit() -> None:
    values = pl.Series("x", [tone(440, seconds=0.1), tone(440, seconds=0.25)])
    found = AUDIO.faults(values, CleanAudio(min_seconds=0.25)).to_list()
    assert found == ["x lasts 0.1 seconds, shorter than 0.25", None]


def test_bytes_that_are_no_sound_cannot_be_encoded() -> None:
    for content in (b"text", wav(np.zeros(0, dtype=np.int16))):
        with pytest.raises(UserError, match="no sound; `clean` takes such rows out"):
            encoded([content], learnt([tone(440)]))
