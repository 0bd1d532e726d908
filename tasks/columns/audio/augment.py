"""Random changes of sounds: of a batch of spectrograms, in torch, or of a clip's samples before they are drawn."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.columns.audio.sound import Clip, Spectrogram, as_wav, decode, mel_filters
from tasks.columns.draws import RowDraws, on_device_of
from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.augment import AugmentAudio

if TYPE_CHECKING:
    from torch import Generator, Tensor

_LOUDEST = 255.0


def augment_spectrograms(
    pictures: Tensor, settings: AugmentAudio, generator: Generator, how: Spectrogram, rows: StepRows = ALL
) -> Tensor:
    """Each sound with its own random tempo, move in time, pitch, noise, loudness and silenced stretches, in this order.

    `pictures`: [B, 1, n_mels, frames] bytes as float or uint8, on any device, drawn by `sound.draw` with `how`; the
    answer has the same shape, type and range. Draws come from `generator` on the CPU, and what is not asked for draws
    nothing. `rows` are the sounds that are wanted.
    """
    draws = RowDraws(generator=generator, num_rows=len(pictures), rows=rows)
    pictures = pictures[rows.own]
    # In floats until the end: each change rounded to bytes on its own would add its error to the others.
    changed = pictures if pictures.is_floating_point() else pictures.float()
    changed = _timed(changed, settings, draws)
    changed = _pitched(changed, settings, draws)
    changed = _noisy(changed, settings, draws, how)
    changed = _louder(changed, settings, draws, how)
    changed = _masked(changed, settings.time_mask, draws, axis=3)
    changed = _masked(changed, settings.pitch_mask, draws, axis=2)
    if pictures.is_floating_point():
        return changed
    return changed.round().clamp(0, _LOUDEST).to(pictures.dtype)


def on_samples(settings: AugmentAudio) -> AugmentAudio:
    """What is changed in the samples when copies are written down: the move in time, and the noise.

    Not the loudness, as a picture is drawn relative to its loudest place; and neither tempo nor pitch, as samples that
    are played faster sound higher, and a picture can have the one without the other.
    """
    return AugmentAudio(shift=settings.shift, noise=settings.noise)


def on_pictures(settings: AugmentAudio) -> AugmentAudio:
    """What is left to change in the pictures when copies are written down."""
    return settings.model_copy(update={"shift": 0.0, "noise": 0.0})


def changed_wav(content: bytes, settings: AugmentAudio, random: np.random.Generator) -> bytes:
    """A WAV file's sound, moved in time with silence filled in, and with white noise; as 32-bit floats, mono."""
    clip = decode(content)
    assert clip is not None, "clean/ holds sounds that can be decoded"
    return as_wav(clip.rate, changed_samples(clip, settings, random))


def changed_samples(clip: Clip, settings: AugmentAudio, random: np.random.Generator) -> NDArray[np.float32]:
    """The clip's samples [N], moved by up to `shift` of its length, with noise of up to `noise` of its own RMS."""
    samples = clip.samples
    if settings.shift:
        places = np.arange(len(samples)) - round(random.uniform(-settings.shift, settings.shift) * len(samples))
        there = (places >= 0) & (places < len(samples))
        samples = np.where(there, samples[places.clip(0, len(samples) - 1)], np.float32(0))
    if settings.noise:
        loudness = float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))))
        noise = random.standard_normal(len(samples)) * loudness * random.uniform(0, settings.noise)
        samples = samples + noise.astype(np.float32)
    return samples


def _timed(pictures: Tensor, settings: AugmentAudio, draws: RowDraws) -> Tensor:
    """Played faster or slower and moved, by one linear interpolation along time; silence where nothing was heard.

    A move alone is by whole frames, and exact.
    """
    import torch

    if not (settings.shift or settings.stretch):
        return pictures
    frames = pictures.shape[3]
    tempo = 1 + draws.either_way(settings.stretch)
    move = (draws.either_way(settings.shift) * frames).round()
    places = on_device_of(pictures, (torch.arange(frames) - move[:, None]) * tempo[:, None])
    return _between_columns(pictures, places)


def _pitched(pictures: Tensor, settings: AugmentAudio, draws: RowDraws) -> Tensor:
    """Higher or lower by parts of a band, as another voice would say it; silence where nothing was heard.

    Bands are even in mel, so that a move is near one by a ratio of frequencies, as between short and long vocal tracts
    (Jaitly and Hinton, 2013, vocal tract length perturbation).
    """
    import torch

    if not settings.pitch_shift:
        return pictures
    bands = pictures.shape[2]
    move = draws.either_way(settings.pitch_shift) * bands
    places = on_device_of(pictures, torch.arange(bands) - move[:, None])
    return _between_columns(pictures.transpose(2, 3), places).transpose(2, 3)


def _between_columns(pictures: Tensor, places: Tensor) -> Tensor:
    """Pictures [B, 1, H, W] whose columns are those at `places` [B, W], linearly between the two next to each."""
    before = places.floor()
    weight = (places - before)[:, None, None]
    return _columns_at(pictures, before) * (1 - weight) + _columns_at(pictures, before + 1) * weight


def _columns_at(pictures: Tensor, places: Tensor) -> Tensor:
    """The columns of [B, 1, H, W] at `places` [B, W]; zeros at places beyond the picture."""
    there = (places >= 0) & (places < pictures.shape[3])
    numbers = places.long().clamp(0, pictures.shape[3] - 1)[:, None, None].expand_as(pictures)
    return pictures.gather(3, numbers) * there[:, None, None]


def _noisy(pictures: Tensor, settings: AugmentAudio, draws: RowDraws, how: Spectrogram) -> Tensor:
    """With white noise, whose power is added to the sound's in every band; the loudest place is as loud as before.

    An approximation: phases are not known, so powers are added; a band's noise power is proportional to its filter's
    area, and flickers from frame to frame as the mean power of so many independent bins does: a chi-square variate with
    two degrees of freedom a bin, from a normal one by the cube of Wilson and Hilferty (1931).
    """
    import torch

    if not settings.noise:
        return pictures
    area, num_bins = (torch.from_numpy(values).float() for values in _noise_bands(how.rate, how.num_points, how.n_mels))
    share = draws.uniform() * settings.noise
    spread = 1 / (9 * num_bins[:, None])
    flicker = (1 - spread + spread.sqrt() * draws.normal(*pictures.shape[1:])).clamp(min=0) ** 3
    unit = on_device_of(pictures, area[:, None] * flicker)
    power = 10 ** ((pictures / _LOUDEST - 1) * how.top_db / 10)
    loudness = power.sum(dim=2).mean(dim=2) * on_device_of(pictures, share**2)[:, None]
    heard = power + unit * loudness[:, :, None, None]
    heard = heard * (power.amax(dim=(1, 2, 3), keepdim=True) / heard.amax(dim=(1, 2, 3), keepdim=True))
    return ((10 * heard.log10() / how.top_db + 1) * _LOUDEST).clamp(0, _LOUDEST)


@lru_cache(maxsize=8)
def _noise_bands(rate: int, num_points: int, n_mels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What share of white noise each band hears [n_mels], and how many independent bins that is [n_mels].

    The second is (sum of weights) squared over the sum of squares: Kish's effective number.
    """
    filters = mel_filters(rate, num_points, n_mels)
    area = filters.sum(axis=1)
    squares = (filters**2).sum(axis=1)
    num_bins = np.divide(area**2, squares, out=np.ones(n_mels), where=squares > 0)
    return area / (area.sum() or 1.0), np.maximum(num_bins, 1.0)


def _louder(pictures: Tensor, settings: AugmentAudio, draws: RowDraws, how: Spectrogram) -> Tensor:
    """Louder or quieter: a decibel is 255 / top_db bytes. Silence stays silence, as nothing is known below it."""
    if not settings.gain:
        return pictures
    decibels = on_device_of(pictures, draws.either_way(settings.gain))
    louder = (pictures + (decibels * _LOUDEST / how.top_db).reshape(-1, 1, 1, 1)).clamp(0, _LOUDEST)
    return louder * (pictures > 0)


def _masked(pictures: Tensor, share: float, draws: RowDraws, axis: int) -> Tensor:
    """With a run of frames (axis 3) or of bands (axis 2) silenced, of 0 up to `share` of all: Park et al. 2019.

    SpecAugment, arXiv:1904.08779: its masking of time and of frequency, one mask of each.
    """
    import torch

    longest = int(share * pictures.shape[axis])
    if not longest:
        return pictures
    # First all widths, then all places.
    drawn = draws.uniform(), draws.uniform()
    width = (drawn[0] * (longest + 1)).floor()
    start = (drawn[1] * (pictures.shape[axis] - width + 1)).floor()
    places = torch.arange(pictures.shape[axis])
    masked = (places >= start[:, None]) & (places < (start + width)[:, None])
    shape = [len(pictures), 1, 1, 1]
    shape[axis] = pictures.shape[axis]
    return pictures.masked_fill(on_device_of(pictures, masked).reshape(shape), 0.0)
