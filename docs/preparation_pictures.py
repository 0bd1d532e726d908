"""The pictures of docs/preparation.md, from drawings and sounds made here: `python docs/preparation_pictures.py`."""

from __future__ import annotations

import io
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks import augment, normalize
from tasks.columns import column_type
from tasks.params.augment import Augment
from tasks.params.normalize import Normalize, NormalizeImage
from tasks.paths import PARTS, Project
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, write_dataset

HERE = Path(__file__).parent
RATE = 8_000


def main() -> None:
    """Writes both pictures beside the page."""
    (HERE / "augmentation.png").write_bytes(augmentation())
    (HERE / "fit.png").write_bytes(fit())


def augmentation() -> bytes:
    """What the augment stage leaves of a table with an image, a sound, a text, a number and a category."""
    rows = pl.DataFrame(
        {
            "drawing": [drawing(letter) for letter in "ABCDEFGH"],
            "call": [chirp(300 + 250 * number) for number in range(8)],
            "note": [f"the {kind} parcel came two days late again" for kind in ("red", "large", "blue", "old") * 2],
            "weight": [float(number) for number in range(8)],
            "size": ["small", "large"] * 4,
            "label": ["a", "b"] * 4,
        }
    )
    types = {"drawing": "image", "call": "audio", "note": "text", "weight": "number"}
    columns = tuple(
        Column.model_validate(
            {"name": name, "type": types.get(name, "category"), "role": "target" if name == "label" else "feature"}
        )
        for name in rows.columns
    )
    source = SourceRecord(kind="table", location="made here", digest="0")
    config = Augment.model_validate(
        {
            "image": {"rotate": 20, "shear": 10, "scale": 0.1, "flip": "horizontal", "brightness": 0.2, "erase": 0.3},
            "audio": {"shift": 0.1, "noise": 0.05, "time_mask": 0.2, "pitch_mask": 0.2},
            "text": {"swap": 0.2, "drop": 0.1, "typo": 0.2},
            "number": {"jitter": 0.1},
            "category": {"swap": 0.3},
            "copies": 1,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = Project(root=Path(folder)).pipeline("drawings")
        write_dataset(paths.cleaned, Dataset(columns=columns, task="binary", num_rows=8, source=source))
        for part in PARTS:
            storage.write_parts(paths.clean(part), [rows])
        normalize.run(Normalize.model_validate({"text": {"min_documents": 1}}), paths)
        augment.run(config, paths)
        return paths.augmentation_picture.read_bytes()


def fit() -> bytes:
    """One drawing of 96 x 48 pixels in a place of 96 x 96: stretched, cropped and padded."""
    of_type, wide = column_type("image"), pl.Series([drawing("AB", (96, 48))])
    sheet = Image.new("RGB", (4 * 108 + 12, 140), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(Image.open(io.BytesIO(wide[0])), (12, 30))
    draw.text((12, 8), "as it came", fill="#444444")
    for place, how in enumerate(("stretch", "crop", "pad"), start=1):
        settings = NormalizeImage.model_validate({"fit": how, "height": 96, "width": 96})
        block = of_type.transform(wide, of_type.finish(of_type.fit(wide, settings), settings))
        sheet.paste(Image.fromarray(block[0].transpose(1, 2, 0)), (12 + place * 108, 30))
        draw.text((12 + place * 108, 8), how, fill="#444444")
    content = io.BytesIO()
    sheet.save(content, format="PNG")
    return content.getvalue()


def drawing(letters: str, size: tuple[int, int] = (48, 48)) -> bytes:
    """Letters on a ground that gets lighter to the right, as PNG."""
    ground = np.linspace(40, 110, size[0], dtype=np.uint8)
    image = Image.fromarray(np.tile(ground, (size[1], 1))).convert("RGB")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=size[1] * 0.75)
    draw.text((size[0] * 0.25, 2), letters, fill="#f4d35e", font=font)
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def chirp(frequency: float) -> bytes:
    """Half a second of a tone that climbs, as WAV."""
    time = np.arange(RATE // 2) / RATE
    samples = (np.sin(2 * np.pi * (frequency + 900 * time) * time) * 20_000).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return content.getvalue()


if __name__ == "__main__":
    main()
