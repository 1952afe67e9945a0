"""What evidence may be: photos are opened and drawn anew (no EXIF, nothing hidden in them), other kinds known by their bytes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

MAX_PIXELS = 50_000_000
LONGEST_SIDE = 2560
QUALITY = 86
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "MPO")
# first bytes → type; kept as they are, and only ever handed out as a download
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
)


class BrokenMediaError(ValueError):
    """The bytes cannot be kept as evidence; the message says why and what to send instead."""


@dataclass(frozen=True, slots=True)
class Clean:
    """Bytes that may be stored. `width`, `height` in pixels, for photos."""

    data: bytes
    mime: str
    width: int | None = None
    height: int | None = None


def clean(data: bytes) -> Clean:
    """What is stored of these bytes, whatever type they were said to be. Slow for photos: call it in a thread.

    Raises BrokenMediaError.
    """
    if not data:
        raise BrokenMediaError("The file is empty; send it again.")
    for start, signature, mime in _SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return Clean(data, mime)
    return _redraw(data)


def _redraw(data: bytes) -> Clean:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns where it repairs; a picture that needs repair is refused
            with Image.open(BytesIO(data), formats=PHOTO_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BrokenMediaError("The picture has more than 50 million pixels; send a smaller one.")
                upright = ImageOps.exif_transpose(image)
                upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                flat = Image.new("RGB", upright.size, "white")
                clear = upright.convert("RGBA")
                flat.paste(clear, mask=clear.getchannel("A"))
                out = BytesIO()
                flat.save(out, "JPEG", quality=QUALITY, optimize=True)
                return Clean(out.getvalue(), "image/jpeg", flat.width, flat.height)
    except BrokenMediaError:
        raise
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError, EOFError, KeyError, IndexError, TypeError) as error:
        raise BrokenMediaError("This is no photo, voice message, video or PDF that can be opened; send the original file again.") from error
