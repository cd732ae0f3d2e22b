import struct
import zlib
from io import BytesIO

import boto3
import pytest
from conftest import BUCKET
from fastapi.testclient import TestClient
from PIL import Image

from app.services import images
from app.services.errors import InvalidError, TooLargeError


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header promises a size and whose data is empty."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_content_decides_the_media_type(kind: str, media_type: str) -> None:
    image = images.validated(picture(kind))
    assert image.media_type == media_type


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF"])
def test_other_kinds_of_images_are_refused(kind: str) -> None:
    with pytest.raises(InvalidError, match="no JPEG or PNG"):
        images.validated(picture(kind))


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\xff\xd8\xff but no picture", b"MZ" * 500])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidError):
        images.validated(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_cut_off_images_are_refused(kind: str) -> None:
    content = picture(kind, (300, 300))
    for length in (len(content) // 2, len(content) - 20):
        with pytest.raises(InvalidError):
            images.validated(content[:length])


def test_size_limits() -> None:
    with pytest.raises(TooLargeError, match="5 MiB"):
        images.validated(b"x" * (images.MAX_BYTES + 1))
    for width, height in ((5001, 5000), (20_000, 20_000), (2**30, 2**30)):
        with pytest.raises(TooLargeError, match="pixels"):
            images.validated(png_that_claims(width, height))
    images.validated(picture("PNG", (5000, 100)))


@pytest.fixture
def s3(environment: dict[str, str]) -> object:
    return boto3.client("s3", region_name=environment["AWS_REGION"])


def keys(s3: object, menu_id: int) -> list[str]:
    listing = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"menus/{menu_id}/")
    return [entry["Key"] for entry in listing.get("Contents", [])]


def test_uploaded_image_is_stored_and_shown(client: TestClient, admin: dict[str, str], s3: object) -> None:
    content = picture("JPEG")
    form = {"name": "냉면", "price": "11000", "category_id": "1", "description": "cold"}
    upload = {"image": ("evil.html", content, "text/html")}
    response = client.post("/api/admin/menus", headers=admin, data=form, files=upload)
    assert response.status_code == 201, response.text
    menu = response.json()
    assert (menu["name"], menu["price"], menu["category_id"]) == ("냉면", 11000, 1)
    [key] = keys(s3, menu["id"])
    assert menu["image_url"] == f"/api/images/{key}"
    assert key.endswith(".jpg")

    shown = client.get(menu["image_url"])
    assert shown.content == content
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert shown.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    card = client.get("/api/menus?store_id=1").json()
    assert menu in card["categories"][0]["menus"]

    files = {"image": picture("PNG")}
    replaced = client.put(f"/api/admin/menus/{menu['id']}/image", headers=admin, files=files).json()
    assert replaced["image_url"].endswith(".png")
    assert [f"/api/images/{key}" for key in keys(s3, menu["id"])] == [replaced["image_url"]]
    assert client.get(menu["image_url"]).status_code == 404


def test_menu_without_an_image(client: TestClient, admin: dict[str, str]) -> None:
    response = client.post(
        "/api/admin/menus", headers=admin, data={"name": "x", "price": 0, "category_id": 1}
    )
    assert (response.status_code, response.json()["image_url"]) == (201, None)


def test_refused_image_leaves_nothing(client: TestClient, admin: dict[str, str], s3: object) -> None:
    form = {"name": "refused", "price": 1, "category_id": 1}

    def upload(content: bytes) -> tuple[int, str]:
        response = client.post("/api/admin/menus", headers=admin, data=form, files={"image": content})
        return response.status_code, response.json()["detail"]

    assert upload(b"no image") == (422, "The file is no JPEG or PNG image.")
    assert upload(b"x" * (images.MAX_BYTES + 1)) == (413, "The image is larger than 5 MiB.")
    assert upload(b"x" * (7 * 1024 * 1024))[0] == 413
    menus = client.get("/api/admin/categories", headers=admin).json()[0]["menus"]
    assert "refused" not in [menu["name"] for menu in menus]


def test_failed_upload_changes_nothing(
    client: TestClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app.state.resources.storage, "_bucket", "another-bucket")
    response = client.post(
        "/api/admin/menus",
        headers=admin,
        data={"name": "refused", "price": 1, "category_id": 1},
        files={"image": picture()},
    )
    assert response.status_code == 503
    menus = client.get("/api/admin/categories", headers=admin).json()[0]["menus"]
    assert "refused" not in [menu["name"] for menu in menus]


@pytest.mark.parametrize("key", ["secret.txt", "menus/1/../../x.png", "menus/1/" + "0" * 32 + ".svg"])
def test_only_images_are_served(client: TestClient, s3: object, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"secret")
    assert client.get(f"/api/images/{key.replace('../', '%2e%2e/')}").status_code in (404, 422)


def test_missing_image_is_404(client: TestClient) -> None:
    assert client.get(f"/api/images/menus/1/{'0' * 32}.jpg").status_code == 404
