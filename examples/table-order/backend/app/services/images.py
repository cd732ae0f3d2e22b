"""Is this upload an image that we accept? Decided by its content; name and declared type are ignored."""

import warnings
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from app.infrastructure.storage import StoredImage
from app.services.errors import InvalidError, TooLargeError

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
_MEGAPIXELS = MAX_PIXELS // 1_000_000

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


def validated(content: bytes) -> StoredImage:
    """The image with its true media type; TooLargeError or InvalidError say what is wrong with it."""
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"The image is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=list(_MEDIA_TYPES)) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            width, height = image.size  # from the header: nothing is decompressed yet
            if width * height > MAX_PIXELS:
                raise TooLargeError(
                    f"The image has {width} x {height} pixels; at most {_MEGAPIXELS} megapixels are accepted."
                )
            media_type = _MEDIA_TYPES[str(image.format)]
            image.verify()
        # verify() reads structure and checksums only, and leaves the image unusable; load() decodes it whole.
        with Image.open(BytesIO(content), formats=list(_MEDIA_TYPES)) as image:
            image.load()
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"The image has more than {_MEGAPIXELS} megapixels.") from error
    except UnidentifiedImageError as error:
        raise InvalidError("The file is no JPEG or PNG image.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises on damaged files
        raise InvalidError("The image is damaged.") from error
    return StoredImage(content, media_type)


def suffix(image: StoredImage) -> str:
    """The file name suffix that belongs to the image: jpg or png."""
    return _SUFFIXES[image.media_type]
