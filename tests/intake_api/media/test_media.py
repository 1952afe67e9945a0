"""Evidence is kept once, cleaned, and shown to those who may see its ticket."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from intake_api.http import MEDIA_LIMIT
from intake_api.media.rules import BrokenMediaError, clean
from intake_api.media.service import store
from intake_api.problems import ProblemError
from intake_api.settings import Settings
from tests.intake_api.doors import SignIn, assert_problem, report


def photo(kind: str = "JPEG", size: tuple[int, int] = (60, 40), orientation: int = 1) -> bytes:
    """A picture that says where it was taken."""
    image = Image.new("RGB", size, "teal")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    out = BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


@pytest.fixture
async def ticket(service: httpx.AsyncClient, grid: object) -> dict[str, Any]:
    filed: dict[str, Any] = (await service.post("/v1/reports", json=report())).json()["ticket"]
    return filed


async def upload(http: httpx.AsyncClient, ticket: dict[str, Any], data: bytes, key: str = "", mime: str = "image/jpeg") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    files = {"file": ("照片.jpg", data, mime)}
    return await http.post(f"/v1/tickets/{ticket['id']}/media", files=files, data={"message_id": "9"}, headers=headers)


async def test_a_photo_is_kept_without_place_and_camera(service: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    kept = (await upload(service, ticket, photo(orientation=6))).json()
    assert (kept["width"], kept["height"], kept["mime"], kept["public"]) == (40, 60, "image/jpeg", False)  # upright
    answer = await service.get(f"/v1/media/{kept['sha256']}")
    assert hashlib.sha256(answer.content).hexdigest() == kept["sha256"]
    assert b"SecretCamera" not in answer.content
    assert not Image.open(BytesIO(answer.content)).getexif()
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (await service.get(f"/v1/tickets/{ticket['id']}")).json()["media"] == [kept["sha256"]]


async def test_the_same_photo_or_key_is_kept_once(service: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    first = (await upload(service, ticket, photo(), "web:g-heron:9")).json()
    assert (await upload(service, ticket, photo(), "web:g-heron:9")).json() == first
    assert (await upload(service, ticket, photo(), "another")).json() == first
    assert (await upload(service, ticket, photo(size=(9, 9)), "web:g-heron:9")).json() == first
    assert len((await service.get(f"/v1/tickets/{ticket['id']}")).json()["media"]) == 1


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", b"<svg onload='x'/>", b"GIF89a", photo()[:80], photo("PNG")[:60], b"MZ" + bytes(100), b"\xff\xd8\xff"]
)
async def test_a_broken_picture_is_refused_clearly(service: httpx.AsyncClient, ticket: dict[str, Any], data: bytes) -> None:
    assert_problem(await upload(service, ticket, data), 422, "broken_media")
    assert (await service.get(f"/v1/tickets/{ticket['id']}")).json()["media"] == []


async def test_what_is_too_large_is_refused(service: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    assert_problem(await upload(service, ticket, b"OggS" + bytes(MEDIA_LIMIT)), 413, "body_too_large")
    assert_problem(await upload(service, ticket, b"OggS" + bytes(MEDIA_LIMIT + 100_000)), 413, "body_too_large")


async def test_a_voice_message_is_a_download_whatever_it_calls_itself(service: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    kept = (await upload(service, ticket, b"OggS" + bytes(50), mime="text/html")).json()
    assert kept["mime"] == "audio/ogg"
    answer = await service.get(f"/v1/media/{kept['sha256']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_who_may_see_the_ticket_sees_its_photos(
    service: httpx.AsyncClient, nobody: httpx.AsyncClient, person: SignIn, ticket: dict[str, Any]
) -> None:
    sha = (await upload(service, ticket, photo())).json()["sha256"]
    here, away = await person("street", "here", street="听雨街道"), await person("street", "away", street="远街道")
    assert (await here.get(f"/v1/media/{sha}")).status_code == 200
    for http in (away, nobody):
        assert_problem(await http.get(f"/v1/media/{sha}"), 404, "not_found")
    assert_problem(await away.patch(f"/v1/tickets/{ticket['id']}/media/{sha}", json={"public": True}), 404, "not_found")
    assert (await here.patch(f"/v1/tickets/{ticket['id']}/media/{sha}", json={"public": True})).json()["public"] is True
    assert (await nobody.get(f"/v1/media/{sha}")).status_code == 200
    assert_problem(await nobody.get(f"/v1/media/{'0' * 64}"), 404, "not_found")


async def test_evidence_of_no_ticket_is_refused(service: httpx.AsyncClient) -> None:
    assert_problem(await upload(service, {"id": "no-such-ticket"}, photo()), 404, "not_found")


def test_a_picture_of_too_many_pixels_is_not_opened() -> None:
    header = bytearray(photo("PNG", (1, 1)))
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(BrokenMediaError):
        clean(bytes(header))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_cleaning_twice_finds_nothing_left(kind: str) -> None:
    once = clean(photo(kind, (3000, 10)))
    assert (once.width, once.height) == (2560, 9)
    assert b"SecretCamera" not in once.data
    assert clean(once.data).mime == "image/jpeg"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, settings_folder: Path) -> None:
    (settings_folder / "aa").write_text("in the way")
    data = next(bytes([n]) for n in range(256) if hashlib.sha256(bytes([n])).hexdigest().startswith("aa"))
    with pytest.raises(ProblemError) as caught:
        store(settings_folder, data)
    assert (caught.value.code, caught.value.retryable) == ("disk_full", True)


@pytest.fixture
def settings_folder(tmp_path: Path) -> Path:
    folder = Settings(data_dir=tmp_path).media_dir()
    folder.mkdir(parents=True)
    return folder
