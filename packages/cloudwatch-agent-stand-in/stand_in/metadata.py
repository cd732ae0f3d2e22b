"""Reads the identity of the instance from the metadata service (IMDSv2)."""

import os
from contextlib import closing
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

# The placeholders of the configuration, as paths of the metadata service.
PLACEHOLDERS = {
    "{instance_id}": "meta-data/instance-id",
    "{local_hostname}": "meta-data/local-hostname",
    "${aws:InstanceId}": "meta-data/instance-id",
    "${aws:InstanceType}": "meta-data/instance-type",
    "${aws:ImageId}": "meta-data/ami-id",
}


@lru_cache
def read(path: str) -> str:
    """Return a value of the metadata service.

    Raises:
        OSError: if the service does not answer, or has no such path.
    """
    endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=5)
    with closing(connection):
        token = _request(
            connection, "PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        return _request(connection, "GET", f"/latest/{path}", {"X-aws-ec2-metadata-token": token})


def _request(connection: HTTPConnection, method: str, path: str, headers: dict[str, str]) -> str:
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
    except HTTPException as error:
        raise OSError(f"metadata service: {path}: {error!r}") from error
    if answer.status != HTTPStatus.OK:
        raise OSError(f"metadata service: {path}: {answer.status} {answer.reason}")
    return body


def fill(text: str) -> str:
    """Replace the placeholders in a name.

    Raises:
        OSError: see read.
    """
    for placeholder, path in PLACEHOLDERS.items():
        if placeholder in text:
            text = text.replace(placeholder, read(path))
    return text
