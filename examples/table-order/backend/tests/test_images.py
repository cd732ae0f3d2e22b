import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import boto3
import pytest
from conftest import BUCKET
from fastapi.testclient import TestClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.services import images
from app.services.errors import InvalidError, TooLargeError, UnavailableError


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


def test_what_is_kept_is_upright_small_and_says_nothing_of_its_camera() -> None:
    buffer = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 58.0)  # where it was taken
    exif[0x010F] = "a camera"
    Image.effect_noise((3000, 1000), 50).convert("RGB").save(buffer, "JPEG", exif=exif, comment=b"a secret")
    assert b"a camera" in buffer.getvalue()
    kept = images.validated(buffer.getvalue())
    with Image.open(BytesIO(kept.content)) as image:
        assert image.size == (533, 1600)
        assert not image.getexif()
    assert b"a camera" not in kept.content
    assert b"a secret" not in kept.content


def test_a_transparent_picture_stays_so_and_loses_its_texts() -> None:
    buffer = BytesIO()
    texts = PngInfo()
    texts.add_text("Comment", "a secret")
    Image.new("RGBA", (40, 30), (200, 0, 0, 0)).save(buffer, "PNG", pnginfo=texts)
    kept = images.validated(buffer.getvalue())
    with Image.open(BytesIO(kept.content)) as image:
        assert image.convert("RGBA").getpixel((1, 1))[3] == 0
    assert b"a secret" not in kept.content


def with_scans(scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is there so often that it has this many."""
    buffer = BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + content[-2:]


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert images.validated(with_scans(images.MAX_SCANS)).media_type == "image/jpeg"
    with pytest.raises(InvalidError, match="more than 50 scans"):
        images.validated(with_scans(images.MAX_SCANS + 1))


def test_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "TURN_SECONDS", 0.05)
    with images._turn, pytest.raises(UnavailableError, match="try again"):
        images.validated(picture())
    images.validated(picture())


@pytest.mark.usefixtures("demo")
def test_a_bucket_that_hangs_keeps_no_order_waiting(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(client.app.state.resources.storage, "get", lambda _key: (release.wait(20), None)[1])
    order = {"store_id": 1, "table_number": 3, "items": [{"menu_id": 1, "quantity": 1}]}
    with ThreadPoolExecutor(60) as threads:
        pictures = [
            threads.submit(client.get, f"/api/images/menus/1/{number:032x}.jpg") for number in range(60)
        ]
        time.sleep(1)
        started = time.monotonic()
        assert client.post("/api/orders", json=order).status_code == 201
        took = time.monotonic() - started
        release.set()
        statuses = {future.result().status_code for future in pictures}
    assert took < 5
    assert statuses <= {404, 503}


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
    with Image.open(BytesIO(shown.content)) as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))
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


def test_the_bucket_does_not_say_what_a_browser_takes_an_image_for(client: TestClient, s3: object) -> None:
    """A page with a script would run where administrators are logged in."""
    key = f"menus/1/{'1' * 32}.png"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"<script>", ContentType="text/html")
    assert client.get(f"/api/images/{key}").headers["Content-Type"] == "image/png"


def test_missing_image_is_404(client: TestClient) -> None:
    assert client.get(f"/api/images/menus/1/{'0' * 32}.jpg").status_code == 404
