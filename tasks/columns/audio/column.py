"""Sounds: bytes of files at rest; `normalize` makes each a picture of loudness by pitch and time, one size for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.audio.disturbances import DISTURBANCES
from tasks.columns.audio.sound import Clip, Spectrogram, begins_as_sound, decode, draw, thumbnail
from tasks.columns.base import ColumnType, Depiction, Encoding, Expectation, expectation, round_significant
from tasks.columns.disturbance import Disturbance
from tasks.columns.served import served_bytes
from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentAudio
from tasks.params.clean import CleanAudio
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeAudio
from tasks.tables.dialect import ColumnDialect

if TYPE_CHECKING:
    from torch import Generator, Tensor

LONGEST_SECONDS = 10.0
"""Of a clip, unless the settings say otherwise: one long recording must not blow up all the others."""


@dataclass(frozen=True)
class AudioState:
    """The first clip's rate, in samples a second, and the longest clip's length."""

    rate: int
    seconds: float


class AudioEncoding(Encoding):
    """Resampled, cut or filled up to `num_samples`, and drawn as [1, n_mels, frames] bytes; see sound.py."""

    type: Literal["audio"] = "audio"
    rate: int
    num_samples: int
    window: int
    hop: int
    n_mels: int
    top_db: float

    @property
    def spectrogram(self) -> Spectrogram:
        return Spectrogram(
            rate=self.rate,
            num_samples=self.num_samples,
            window=self.window,
            hop=self.hop,
            n_mels=self.n_mels,
            top_db=self.top_db,
        )

    @property
    def requirements(self) -> tuple[str, ...]:
        return ("scipy", "soundfile")  # scipy brings sounds to one rate

    def field(self, name: str) -> Field:
        shape = (1, self.n_mels, self.spectrogram.num_frames)
        return Field(name=name, kind="audio", shape=shape, factor=(round_significant(1 / 255),), offset=(0.0,))


class AudioColumn(ColumnType[AudioState | None, NormalizeAudio, AudioEncoding]):
    """Recordings as the bytes that came in: WAV, FLAC, OGG or MP3, any rate, any number of channels."""

    name: ClassVar[ColumnTypeName] = "audio"
    dtype: ClassVar[pl.DataType] = pl.Binary()
    encoding: ClassVar[type[Encoding]] = AudioEncoding
    disturbances: ClassVar[tuple[Disturbance, ...]] = DISTURBANCES
    has_many_inputs: ClassVar[bool] = True

    def depict(self, value: bytes) -> Depiction:
        from tasks.columns.audio.depiction import depict

        return depict(value)

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype != pl.Binary:
            return False
        sounds = values.drop_nulls().to_frame().select(begins_as_sound(pl.col(values.name)))
        return bool(sounds.to_series().all())

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        return [expectation("column_values_to_not_be_null", "critical", column=column)]

    def faults(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        chosen = _clean_settings(settings)
        return _reasons(values, lambda content: _fault(values.name, content, chosen))

    def flags(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        chosen = _clean_settings(settings)
        if chosen.silent != "flag":
            return super().flags(values, settings)
        return _reasons(values, lambda content: _silent(values.name, decode(content), chosen))

    def thumbnail(self, content: bytes | None, side: int) -> NDArray[np.uint8] | None:
        """Loudness by pitch and time, the clip's own length stretched to the picture's width."""
        clip = decode(content)
        return None if clip is None or not len(clip.samples) else thumbnail(clip, side)

    def served_value(self, value: Any, encoding: AudioEncoding, dialect: ColumnDialect) -> bytes | None:
        """The bytes of a sound file: as they are, or as base64 text."""
        return served_bytes(value) if isinstance(value, bytes | bytearray | memoryview | str) else None

    def accepts(self, dialect: ColumnDialect) -> str:
        return "the bytes of a WAV, FLAC, OGG or MP3 file, also as base64 text"

    def fit(self, values: pl.Series, settings: NormalizeAudio) -> AudioState | None:
        clips = [(clip.rate, clip.seconds) for clip in map(decode, values) if clip and len(clip.samples)]
        if not clips:
            return None
        return AudioState(rate=clips[0][0], seconds=max(seconds for _, seconds in clips))

    def merge(self, first: AudioState | None, second: AudioState | None) -> AudioState | None:
        if first is None or second is None:
            return first or second
        return AudioState(first.rate, max(first.seconds, second.seconds))

    def finish(self, state: AudioState | None, settings: NormalizeAudio) -> AudioEncoding:
        if state is None:
            raise UserError("has no sound that can be decoded in any training row; give it the role id to leave it out")
        rate = settings.rate or state.rate
        seconds = settings.seconds or min(state.seconds, LONGEST_SECONDS)
        return AudioEncoding(
            rate=rate,
            num_samples=max(1, round(seconds * rate)),
            window=max(2, round(settings.window_ms / 1000 * rate)),
            hop=max(1, round(settings.hop_ms / 1000 * rate)),
            n_mels=settings.n_mels,
            top_db=settings.top_db,
        )

    def transform(self, values: pl.Series, encoding: AudioEncoding) -> NDArray[np.uint8]:
        """[N, 1, n_mels, frames] uint8. Raises UserError for bytes that are no sound."""
        how = encoding.spectrogram
        block = np.empty((len(values), 1, how.n_mels, how.num_frames), dtype=np.uint8)
        for number, content in enumerate(values):
            clip = decode(content)
            # A file without samples has nothing to be drawn.
            if clip is None or not len(clip.samples):
                raise UserError(
                    "holds bytes that are no sound; `clean` takes such rows out, or give WAV, FLAC, OGG or MP3"
                )
            block[number, 0] = draw(clip, how)
        return block

    def augment(
        self, block: Tensor, settings: Config, generator: Generator, encoding: AudioEncoding, std: float, rows: StepRows
    ) -> Tensor:
        """[B, 1, n_mels, frames] bytes, as uint8 or float32."""
        from tasks.columns.audio.augment import augment_spectrograms

        assert isinstance(settings, AugmentAudio)
        return augment_spectrograms(block, settings, generator, encoding.spectrogram, rows)

    def augment_parts(self, settings: Config) -> tuple[Config | None, Config | None]:
        from tasks.columns.audio.augment import on_pictures, on_samples

        assert isinstance(settings, AugmentAudio)
        samples = on_samples(settings)
        return (samples if samples.shift or samples.noise else None), on_pictures(settings)

    def augment_raw(self, value: bytes, settings: Config, random: np.random.Generator) -> bytes:
        from tasks.columns.audio.augment import changed_wav

        assert isinstance(settings, AugmentAudio)
        return changed_wav(value, settings, random)


def _clean_settings(settings: Config | None) -> CleanAudio:
    if settings is None:
        return CleanAudio()
    assert isinstance(settings, CleanAudio)
    return settings


def _reasons(values: pl.Series, judge: Callable[[bytes | None], str | None]) -> pl.Series:
    return pl.Series(values.name, [judge(content) for content in values], dtype=pl.String)


def _fault(column: str, content: bytes | None, settings: CleanAudio) -> str | None:
    if content is None:
        return f"{column} has no sound"
    clip = decode(content)
    if clip is None:
        return f"{column} cannot be decoded as audio ({len(content)} bytes)"
    if not len(clip.samples):
        return f"{column} holds no samples"
    if clip.seconds < settings.min_seconds:
        return f"{column} lasts {clip.seconds:.3g} seconds, shorter than {settings.min_seconds:g}"
    return _silent(column, clip, settings) if settings.silent == "quarantine" else None


def _silent(column: str, clip: Clip | None, settings: CleanAudio) -> str | None:
    """Why it is at fault, by what it sounds like in mono: two channels may put each other out."""
    if clip is None or clip.peak_db > settings.silent_db:
        return None
    return f"{column} is silent: never louder than {abs(settings.silent_db):g} dB below full scale"
