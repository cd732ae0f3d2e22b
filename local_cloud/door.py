"""Access control: answers this host's programs, and the servers within their role's rights, but no web page.

A page that a developer visits can send requests to loopback addresses, by their number or by a name of its own that it lets
point there. It cannot keep the browser from saying so.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends

from local_cloud.cloud import Cloud, ServerAt
from local_cloud.faults import Answer, Environ, Fault, action_of, render
from local_cloud.network import METADATA_ADDRESS
from local_cloud.policies import as_list

# moto reads the service from here.
SCOPE = re.compile(r"[^/=\s]+/\d{8}/[^/]+/(?P<service>[^/,\s]+)/aws4_request")
# Paths that give a server no power over the account. On other paths the server's role decides.
OPEN_TO_SERVERS = {"s3", "logs", "monitoring", "sts"}
LOCAL_PATHS_OF_SERVERS = ("/local-cloud/health", "/local-cloud/database-ca.pem")


class Door:
    """Refuses requests before any other processing."""

    def __init__(self, cloud: Cloud, server_at: ServerAt) -> None:
        """Guard this cloud."""
        self.cloud = cloud
        self.server_at = server_at

    def refusal(self, environ: Environ) -> Answer | None:
        """Refuse clients other than this host and its servers, and requests of web pages."""
        client = environ["REMOTE_ADDR"]
        if not (ipaddress.ip_address(client).is_loopback or self.cloud.network.is_inside(client)):
            # Another host with a route to a bridge's address is refused.
            return _refuse("the local cloud answers this host and its own servers only")
        browsers = [name for name in environ if name == "HTTP_ORIGIN" or name.startswith("HTTP_SEC_FETCH_")]
        if browsers:
            return _refuse("the local cloud answers no web page")
        host = environ.get("HTTP_HOST", "")
        # HTTP/1.0 has no Host, and no browser speaks it.
        if host and not self._is_own_name(host, inside=not ipaddress.ip_address(client).is_loopback):
            return _refuse(f"the local cloud is not {host}")
        return None

    def _is_own_name(self, host: str, inside: bool) -> bool:
        name = re.sub(r":\d+\Z", "", host).strip("[]").lower().rstrip(".")
        gateways = {network.gateway for network in list(self.cloud.network.vpcs.values())}
        if name in {METADATA_ADDRESS, "localhost", *gateways}:
            return True
        # moto reads the service from such a name: for a server only the signature may name it.
        if re.fullmatch(r"([a-z0-9.-]+\.)?(amazonaws\.com|localhost)", name):
            return not inside
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def limit(self, environ: Environ, body: bytes) -> Answer | None:
        """Refuse a server's request outside its role's rights, with any key."""
        client, path = environ["REMOTE_ADDR"], environ["PATH_INFO"]
        if ipaddress.ip_address(client).is_loopback:
            return None
        if path.startswith(("/local-cloud/", "/moto-api")):
            readable = environ["REQUEST_METHOD"] == "GET" and path in LOCAL_PATHS_OF_SERVERS
            return (
                None
                if readable
                else _refuse("a server reads nothing but the cloud's health and its authority")
            )
        service = _service(environ)
        if service in OPEN_TO_SERVERS:
            return None
        action = f"{service}:{action_of(environ, body)}"
        with self.cloud.lock:
            resource = self._resource(service, body)
            if _allowed(action, resource, list(self._statements(client))):
                return None
        message = f"{client} is not authorized to perform: {action} on resource: {resource}"
        status = 400 if "HTTP_X_AMZ_TARGET" in environ else 403
        return render(Fault("", "AccessDeniedException", message, status=status), environ, body)

    def _resource(self, service: str, body: bytes) -> str:
        """Return the ARN of the requested secret; for other services every resource."""
        if service != "secretsmanager":
            return "*"
        try:
            wanted = str(json.loads(body)["SecretId"])
        except (ValueError, KeyError, TypeError):
            return "*"
        settings = self.cloud.settings
        secret = secretsmanager_backends[settings.account][settings.region].secrets.get(wanted)
        if secret is not None:
            return secret.arn
        start = f"arn:aws:secretsmanager:{settings.region}:{settings.account}:secret:"
        return wanted if wanted.startswith("arn:") else f"{start}{wanted}-000000"

    def _statements(self, client: str) -> Iterator[dict[str, Any]]:
        """Yield the statements of the policies of the role of the server at an address."""
        instance = self.server_at(client)
        arn = (instance.iam_instance_profile or {}).get("Arn") if instance else None
        iam = iam_backends[self.cloud.settings.account]["aws"]
        profiles = [one for one in iam.instance_profiles.values() if one.arn == arn]
        for role in [role for profile in profiles for role in profile.roles]:
            documents, _ = self.cloud.guard.account.role_policies(role.arn)
            for document in documents:
                yield from as_list(document["Statement"])


def _service(environ: Environ) -> str:
    """Return the service that a request was signed for, in a header or in a presigned address; empty without."""
    presigned = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION") or presigned)
    if scope is None or ("HTTP_AUTHORIZATION" not in environ and scope["service"] != "s3"):
        return ""
    return scope["service"].lower()


def _allowed(action: str, resource: str, statements: list[dict[str, Any]]) -> bool:
    """Return whether an Allow without conditions applies, and no Deny."""
    effects = {
        (statement["Effect"], "Condition" in statement)
        for statement in statements
        if any(fnmatch.fnmatchcase(action, pattern) for pattern in as_list(statement.get("Action", [])))
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in as_list(statement.get("Resource", [])))
    }
    return ("Allow", False) in effects and not any(effect == "Deny" for effect, _ in effects)


def _refuse(reason: str) -> Answer:
    return Answer(403, "text/plain", f"{reason}\n".encode())
