"""Turns a request into a call to AWS: service, action, parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.datastructures import EnvironHeaders, Headers, MultiDict

from local_cloud.faults import Environ

# "AWS4-HMAC-SHA256 Credential=KEY/20261122/ap-northeast-2/ec2/aws4_request, ...": who, where, which service.
CREDENTIAL = re.compile(r"(?P<key>[^/=\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# The key that table_order_cloud sets for a run; any other key that belongs to no role is the account's root.
OPERATOR_KEY = "local"
# Actions that change nothing.
READS = re.compile(
    r"^(Get|Describe|List|Head|BatchGet|Filter|Select|Simulate|Decode|AssumeRole|Lookup|Query|TestMetric)"
)
# Services that sign with another name than botocore has for them.
SIGNED_AS = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}


@dataclass(frozen=True)
class Call:
    """One request to AWS, with the parameter names and types of its API."""

    service: str
    action: str
    parameters: dict[str, Any]
    region: str = "ap-northeast-2"
    access_key: str = ""

    @property
    def name(self) -> str:
        """Return service and action as in an IAM policy, for instance ec2:RunInstances."""
        return f"{self.service}:{self.action}"

    @property
    def writes(self) -> bool:
        """Return whether the call may change something."""
        return not READS.match(self.action)

    def get(self, path: str, default: object = None) -> Any:  # noqa: ANN401 - a parameter has any type
        """Return the parameter at a dotted path, for instance MetadataOptions.HttpTokens."""
        value: Any = self.parameters
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def tag(self, key: str) -> str | None:
        """Return the value of a tag that the request sets, in either of AWS's two shapes."""
        tags = list(self.get("Tags", []))
        for specification in self.get("TagSpecifications", []):
            tags += specification.get("Tags", [])
        return next((tag["Value"] for tag in tags if tag.get("Key") == key), None)


def read(method: str, address: str, headers: Headers, body: bytes) -> Call | None:
    """Return the call that a request makes; None without a signature.

    Raises KeyError or ValueError where no operation of AWS fits.
    """
    url = urlsplit(address)
    query = parse_qsl(url.query, keep_blank_values=True)
    # A presigned address carries its signature in the query instead of in a header.
    signature = CREDENTIAL.search(headers.get("Authorization", dict(query).get("X-Amz-Credential", "")))
    if not signature:
        return None
    service = SIGNED_AS.get(signature["service"], signature["service"])
    try:
        model = get_service_model(service)
    except UnknownServiceError as error:
        raise ValueError(str(error)) from error
    form = MultiDict(query)
    # As in moto: a form in the body replaces the query.
    is_form = headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    if service != "s3" and body and is_form:
        form = MultiDict(parse_qsl(body.decode(), keep_blank_values=True))
    path = _s3_path(url.path) if service == "s3" else {}
    if service == "s3":
        operation = _s3_operation(model, method, path, form, headers)
    else:
        operation = _named_operation(model, form.get("Action") or headers["X-Amz-Target"].split(".")[-1])
    parser = PROTOCOL_PARSERS[_protocol(model, headers)](operation)
    parameters = parser.parse(
        {
            "method": method,
            "values": form,
            "headers": headers,
            "body": body,
            "url_path": url.path,
            "url_params": path,
        }
    )
    return Call(service, operation.name, parameters, signature["region"], signature["key"])


def of_request(environ: Environ, body: bytes) -> Call | None:
    """Return the call that a WSGI request makes, as `read` does."""
    address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
    return read(environ["REQUEST_METHOD"], address, EnvironHeaders(environ), body)


def _protocol(model: ServiceModel, headers: Headers) -> str:
    # CloudWatch speaks several (an older client sends a form); the others speak the one of their model.
    if "X-Amz-Target" in headers:
        return "json"
    return "query" if model.protocol.startswith("smithy") else model.protocol


def _named_operation(model: ServiceModel, name: str) -> OperationModel:
    try:
        return model.operation_model(name)
    except OperationNotFoundError as error:
        raise ValueError(f"{model.service_name} has no operation {name}") from error


def _s3_path(path: str) -> dict[str, str]:
    """Split the path of a request for S3: local endpoints have the bucket there, not in the host name."""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return {name: value for name, value in (("Bucket", bucket), ("Key", key)) if value}


def _s3_operation(
    model: ServiceModel, method: str, path: dict[str, str], query: MultiDict[str, str], headers: Headers
) -> OperationModel:
    """Return the operation whose address in S3's model fits best: PUT /{Bucket}?policy is PutBucketPolicy."""
    best, most = None, -1
    for name in model.operation_names:
        operation = model.operation_model(name)
        address = urlsplit(operation.http["requestUri"])
        wanted = dict(parse_qsl(address.query, keep_blank_values=True))
        places = {place for place in ("Bucket", "Key") if f"{{{place}" in address.path}
        fits = (
            operation.http["method"] == method
            and places == set(path)
            and all(query.get(key) == value for key, value in wanted.items())
            and all(name in query for name in _required(operation, "querystring"))
            and all(name in headers for name in _required(operation, "header"))
        )
        if fits and len(wanted) > most:
            best, most = operation, len(wanted)
    if best is None:
        raise ValueError(f"no operation of S3 is {method} {path} {dict(query)}")
    return best


def _required(operation: OperationModel, location: str) -> list[str]:
    """Return the names that an operation requires in its query or its headers."""
    shape = operation.input_shape
    members = [shape.members[name] for name in shape.required_members] if shape else []
    return [
        member.serialization["name"] for member in members if member.serialization.get("location") == location
    ]
