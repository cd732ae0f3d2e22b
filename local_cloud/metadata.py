"""The instance metadata service (IMDSv2), as an instance sees it at 169.254.169.254.

The firewall sends what an instance addresses there to the API's port on the VPC's gateway; the
instance is known by its source address.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import secrets
import time

from moto.ec2.models.instances import Instance
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_cloud.cloud import Cloud, ServerAt
from local_cloud.faults import Answer, Environ
from local_cloud.machine_files import user_data_of

LONGEST_TTL = 21600  # seconds; the longest life of a token, and of the credentials handed out
RENEW_BEFORE = 3600  # seconds


@dataclasses.dataclass
class Credentials:
    """Credentials of a role, with their expiry."""

    document: dict[str, str]
    expires: float


class Metadata:
    """Answers the requests of instances."""

    def __init__(self, cloud: Cloud, server_at: ServerAt) -> None:
        """Start without tokens."""
        self.cloud = cloud
        self.server_at = server_at
        self.tokens: dict[str, tuple[str, float]] = {}
        self.credentials: dict[tuple[str, str], Credentials] = {}
        cloud.on_reset.append(self._forget)

    def _forget(self) -> None:
        self.tokens.clear()
        self.credentials.clear()

    def answer(self, environ: Environ) -> Answer:
        """Answer one request of the instance that sent it."""
        with self.cloud.lock:
            instance = self.server_at(environ["REMOTE_ADDR"])
            if instance is None:
                return _text(404)
            options = instance.metadata_options
            if options.http_endpoint == "disabled":
                return _text(403)
            if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"] == "/latest/api/token":
                return self._new_token(instance, environ)
            token = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN")
            if not self._is_valid(token, instance) and (token or options.http_tokens == "required"):
                return _text(401)
            return self._get(instance, environ["PATH_INFO"])

    def _new_token(self, instance: Instance, environ: Environ) -> Answer:
        """A session token; refused for a request through a proxy, as on AWS."""
        if "HTTP_X_FORWARDED_FOR" in environ:
            return _text(403)
        wanted = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS", "")
        if not (wanted.isdigit() and 1 <= int(wanted) <= LONGEST_TTL):
            return _text(400)
        now = time.time()
        self.tokens = {token: held for token, held in self.tokens.items() if held[1] > now}
        token = secrets.token_urlsafe(40)
        self.tokens[token] = (instance.id, now + int(wanted))
        return _text(200, token)

    def _is_valid(self, token: str | None, instance: Instance) -> bool:
        holder, expires = self.tokens.get(token or "", ("", 0.0))
        return holder == instance.id and expires > time.time()

    def _get(self, instance: Instance, path: str) -> Answer:
        _, _, wanted = path.strip("/").partition("/")
        if not path.startswith("/latest"):
            return _text(404)
        if wanted == "user-data":
            data = user_data_of(instance)
            return Answer(200, "application/octet-stream", data) if data else _text(404)
        tree = self._tree(instance)
        if wanted in tree:
            return _text(200, tree[wanted])
        below = {
            leaf[len(wanted) :].lstrip("/") for leaf in tree if not wanted or leaf.startswith(wanted + "/")
        }
        # A directory lists its entries, those that are directories themselves with a slash.
        entries = {entry.partition("/")[0] + ("/" if "/" in entry else "") for entry in below}
        return _text(200, "\n".join(sorted(entries))) if entries else _text(404)

    def _tree(self, instance: Instance) -> dict[str, str]:
        """The metadata of an instance: path below /latest to value."""
        region = self.cloud.settings.region
        interface = instance.nics[0]
        leaves = {
            "ami-id": instance.image_id,
            "ami-launch-index": str(instance.ami_launch_index),
            "hostname": instance.private_dns_name,
            "instance-id": instance.id,
            "instance-life-cycle": "on-demand",
            "instance-type": instance.instance_type,
            "local-hostname": instance.private_dns_name,
            "local-ipv4": instance.private_ip,
            "mac": interface.mac_address,
            "placement/availability-zone": instance.availability_zone,
            "placement/region": region,
            "security-groups": "\n".join(group.name for group in interface.group_set),
            "services/domain": "amazonaws.com",
            "services/partition": "aws",
        }
        if instance.public_ip:
            leaves |= {"public-ipv4": instance.public_ip, "public-hostname": instance.public_dns_name}
        key = instance.ec2_backend.key_pairs.get(instance.key_name)
        if key:
            leaves["public-keys/0/openssh-key"] = key.public_key.strip()
        leaves |= self._iam(instance)
        tree = {f"meta-data/{name}": value for name, value in leaves.items()}
        tree["dynamic/instance-identity/document"] = self._identity(instance)
        return tree

    def _identity(self, instance: Instance) -> str:
        document = {
            "accountId": self.cloud.settings.account,
            "architecture": instance.architecture,
            "availabilityZone": instance.availability_zone,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "pendingTime": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": instance.private_ip,
            "region": self.cloud.settings.region,
            "version": "2017-09-30",
        }
        return json.dumps(document, indent=2)

    def _iam(self, instance: Instance) -> dict[str, str]:
        """The instance profile and its role's credentials; empty without a profile, or after the profile was recreated."""
        profile_id = (instance.iam_instance_profile or {}).get("Id")
        iam = iam_backends[self.cloud.settings.account]["aws"]
        profile = next((one for one in iam.instance_profiles.values() if one.id == profile_id), None)
        if profile is None or not profile.roles:
            return {}
        role = profile.roles[0]
        document = self._credentials(instance, role.arn)
        info = {
            "Code": "Success",
            "LastUpdated": document["LastUpdated"],
            "InstanceProfileArn": profile.arn,
            "InstanceProfileId": profile.id,
        }
        return {
            "iam/info": json.dumps(info, indent=2),
            f"iam/security-credentials/{role.name}": json.dumps(document, indent=2),
        }

    def _credentials(self, instance: Instance, role_arn: str) -> dict[str, str]:
        """This role's credentials in the API; renewed shortly before their expiry."""
        held = self.credentials.get((instance.id, role_arn))
        if held and held.expires - time.time() > RENEW_BEFORE:
            return held.document
        role = sts_backends[self.cloud.settings.account]["aws"].assume_role(
            region_name=self.cloud.settings.region,
            role_session_name=instance.id,
            role_arn=role_arn,
            policy="",
            duration=LONGEST_TTL,
            external_id="",
        )
        expires = (
            role.expiration.replace(tzinfo=datetime.UTC)
            if role.expiration.tzinfo is None
            else role.expiration
        )
        document = {
            "Code": "Success",
            "LastUpdated": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Type": "AWS-HMAC",
            "AccessKeyId": role.access_key_id,
            "SecretAccessKey": role.secret_access_key,
            "Token": role.session_token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.credentials[instance.id, role_arn] = Credentials(document, expires.timestamp())
        return document


def _text(status: int, body: str = "") -> Answer:
    return Answer(status, "text/plain", body.encode())
