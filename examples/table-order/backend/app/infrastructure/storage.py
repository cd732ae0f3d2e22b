"""Menu images in S3.

Credentials come from the instance's role. The bucket is private and its endpoint is not for browsers: the API
reads images on their behalf.
"""

from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PREFIX = "menus/"


class StorageError(Exception):
    """S3 did not do what was asked. The text is AWS's error code or the kind of failure, safe to show."""


@dataclass(frozen=True)
class StoredImage:
    """An image's bytes and its media type."""

    content: bytes
    media_type: str


def _storage_error(error: ClientError | BotoCoreError) -> StorageError:
    if isinstance(error, ClientError):
        return StorageError(error.response.get("Error", {}).get("Code", "unknown error"))
    return StorageError(type(error).__name__)


class ImageStorage:
    """Objects below menus/ of one bucket."""

    def __init__(self, bucket: str, region: str) -> None:
        """Connect lazily; timeouts are in seconds."""
        self._bucket = bucket
        self._client = boto3.client(
            "s3",
            region_name=region,
            config=Config(
                connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}
            ),
        )

    def put(self, key: str, image: StoredImage) -> None:
        """Store the image under `key`."""
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=image.content, ContentType=image.media_type
            )
        except (ClientError, BotoCoreError) as error:
            raise _storage_error(error) from error

    def get(self, key: str) -> StoredImage | None:
        """The image, or None when there is none.

        Without s3:ListBucket a missing object is AccessDenied, which cannot be told from a missing right:
        that is an error here, not None.
        """
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return StoredImage(answer["Body"].read(), answer["ContentType"])
        except self._client.exceptions.NoSuchKey:
            return None
        except (ClientError, BotoCoreError) as error:
            raise _storage_error(error) from error

    def delete(self, key: str) -> None:
        """Remove the image; a missing one is fine."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise _storage_error(error) from error

    def check(self) -> None:
        """Raise unless the bucket is there and the credentials reach it.

        Lists at most one key below menus/: that needs s3:ListBucket only, also where the right is limited to
        this prefix (HeadBucket would then be denied, and a HEAD of a missing object is 403 instead of 404).
        It writes nothing: a health check that is asked every few seconds must not cost PUTs.
        """
        try:
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            raise _storage_error(error) from error
