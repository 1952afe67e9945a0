"""Photos sent in the chat: checked, turned upright, freed of metadata, kept as files named by their content."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from bot.channels.web.log import Picture

MAX_BYTES = 10 * 1024 * 1024
# 50 megapixels: more than any phone's photo, less than a decompression bomb
MAX_PIXELS = 50_000_000
LONGEST_SIDE = 2048
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


class PhotoError(ValueError):
    """The bytes are no image that this chat takes."""


class Photos:
    """A folder of JPEG files. Writing the same photo twice is one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # two at a time: decoding is the heaviest thing this process does
        self._turn = asyncio.Semaphore(2)

    async def keep(self, data: bytes) -> Picture:
        """Store a photo. PhotoError when it is none."""
        async with self._turn:
            return await asyncio.to_thread(self._keep, data)

    def _keep(self, data: bytes) -> Picture:
        body, width, height = redraw(data)
        ref = hashlib.sha256(body).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / ref
        if not path.exists():
            half = path.with_name(f"{ref}.{os.getpid()}.half")
            half.write_bytes(body)
            half.replace(path)
        return Picture(kind="photo", ref=ref, mime="image/jpeg", size=len(body), width=width, height=height)

    def path(self, ref: str) -> Path | None:
        """The file of a photo, None when there is none."""
        if not re.fullmatch(r"[0-9a-f]{64}", ref):
            return None
        path = self.folder / ref
        return path if path.is_file() else None


def redraw(data: bytes) -> tuple[bytes, int, int]:
    """Any photo → (JPEG bytes, width, height): upright, at most 2048 px a side, and without EXIF: no place, no camera."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PhotoError("too many pixels")
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            flat = Image.new("RGB", upright.size, "white")
            clear = upright.convert("RGBA")
            flat.paste(clear, mask=clear.getchannel("A"))
            out = BytesIO()
            flat.save(out, "JPEG", quality=86, optimize=True)
            return out.getvalue(), flat.width, flat.height
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(str(error)) from error
