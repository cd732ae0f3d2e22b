"""Is this upload an image that we accept? Decided by its content; name and declared type are ignored.

What is kept is drawn anew from the pixels: upright, no larger than a page needs, without what a camera has written beside
them, such as where it was.
"""

import threading
import warnings
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.infrastructure.storage import StoredImage
from app.services.errors import InvalidError, TooLargeError, UnavailableError

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
_MEGAPIXELS = MAX_PIXELS // 1_000_000
# A progressive JPEG is decoded once for each scan, and an empty scan takes a few bytes: 5 MiB of them would take minutes. Cameras
# and optimizers write at most some twenty.
MAX_SCANS = 50
_START_OF_SCAN = b"\xff\xda"  # within compressed data, 0xff is never followed by this
# Pixels of the longer side that are kept.
KEPT_SIDE = 1600
# One at a time in a process: an image of 25 megapixels takes about 100 MB and a second of a processor while it is decoded.
_turn = threading.Semaphore(1)
TURN_SECONDS = 10.0

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


def validated(content: bytes) -> StoredImage:
    """The image as it is kept, with its true media type; TooLargeError or InvalidError say what is wrong with it."""
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"The image is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    if not _turn.acquire(timeout=TURN_SECONDS):
        raise UnavailableError("Other images are being read. Please try again.")
    try:
        return _redrawn(content)
    finally:
        _turn.release()


def _redrawn(content: bytes) -> StoredImage:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=list(_MEDIA_TYPES)) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            width, height = image.size  # from the header: nothing is decompressed yet
            if width * height > MAX_PIXELS:
                raise TooLargeError(
                    f"The image has {width} x {height} pixels; at most {_MEGAPIXELS} megapixels are accepted."
                )
            media_type = _MEDIA_TYPES[str(image.format)]
            if image.format == "JPEG" and content.count(_START_OF_SCAN) > MAX_SCANS:
                raise InvalidError(
                    f"The image has more than {MAX_SCANS} scans. Please save it anew, as an ordinary JPEG."
                )
            image.verify()
        # verify() reads structure and checksums only, and leaves the image unusable; load() decodes it whole.
        with Image.open(BytesIO(content), formats=list(_MEDIA_TYPES)) as image:
            return StoredImage(_encoded(image, str(image.format)), media_type)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"The image has more than {_MEGAPIXELS} megapixels.") from error
    except UnidentifiedImageError as error:
        raise InvalidError("The file is no JPEG or PNG image.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises on damaged files
        raise InvalidError("The image is damaged.") from error


def _encoded(image: Image.Image, kind: str) -> bytes:
    """The pixels as a new file of the same kind; no other part of the upload is in it."""
    upright = ImageOps.exif_transpose(image)  # decodes it whole
    see_through = kind == "PNG" and upright.has_transparency_data
    upright = upright.convert("RGBA" if see_through else "RGB")
    upright.thumbnail((KEPT_SIDE, KEPT_SIDE))
    # thumbnail and convert hand on what the file said about itself; a new image knows nothing.
    plain = Image.frombytes(upright.mode, upright.size, upright.tobytes())
    buffer = BytesIO()
    plain.save(buffer, kind, **({"quality": 88, "progressive": True} if kind == "JPEG" else {}))
    return buffer.getvalue()


def media_type(key: str) -> str:
    """What an image is shown as: what its key says, whatever the bucket says: it is shown on the administrators' origin."""
    return next(kind for kind, ending in _SUFFIXES.items() if key.endswith(f".{ending}"))


def suffix(image: StoredImage) -> str:
    """The file name suffix that belongs to the image: jpg or png."""
    return _SUFFIXES[image.media_type]
