"""Refuses calls that the caller's policies do not allow; off until policies are set."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.sts.models import sts_backends

from local_cloud.calls import OPERATOR_KEY, Call, of_request
from local_cloud.faults import Answer, Environ, Fault, render
from local_cloud.needs import Account, Tags, needs
from local_cloud.policies import Document, Need, UnknownError, allowed

log = logging.getLogger("local_cloud")


class MotoAccount(Account):
    """The account's state in moto."""

    def tags(self, region: str, resource: str) -> Tags:
        """Return the tags of a resource of EC2, by its id or, for a key pair, its name."""
        backend = ec2_backends[self.id][region]
        pair = backend.key_pairs.get(resource)
        return dict(backend.tags.get(pair.id if pair else resource, {}))

    def is_public(self, region: str, image: str) -> bool:
        """Return whether an image is public."""
        found = ec2_backends[self.id][region].amis.get(image)
        return bool(found and found.is_public)

    def associated(self, region: str, association: str) -> list[str]:
        """Return the ids at the ends of an association: route table and subnet, address, or instance."""
        backend = ec2_backends[self.id][region]
        for table in backend.route_tables.values():
            for one in table.associations:
                if one["RouteTableAssociationId"] == association:
                    return [table.id, *filter(None, [one.get("SubnetId")])]
        for address in backend.addresses.values():
            if address.association_id == association:
                return [address.allocation_id]
        profiles = backend.iam_instance_profile_associations.values()
        return [one.instance_id for one in profiles if one.association_id == association]

    def boundary(self, role: str) -> str:
        """Return the ARN of a role's boundary; empty without one."""
        found = self._role(role)
        return (found.permissions_boundary_arn or "") if found else ""

    def role_of(self, profile: str) -> str:
        """Return the name of an instance profile's role."""
        profiles = iam_backends[self.id]["aws"].instance_profiles.values()
        found = next((one for one in profiles if one.name == profile), None)
        return found.roles[0].name if found and found.roles else profile

    def role_policies(self, arn: str) -> tuple[list[Document], Document | None]:
        """Return the policies of a role, and its boundary's."""
        role = self._role(arn.rpartition("/")[2])
        if role is None:
            return [], None
        backend = iam_backends[self.id]["aws"]
        inline = [_document(text) for text in role.policies.values()]
        attached = [_current(policy) for policy in role.managed_policies.values()]
        boundary = backend.managed_policies.get(role.permissions_boundary_arn)
        return [*inline, *attached], _current(boundary) if boundary else None

    def _role(self, name: str) -> Role | None:
        return next((one for one in iam_backends[self.id]["aws"].roles.values() if one.name == name), None)


def _current(policy: ManagedPolicy) -> Document:
    version = next(one for one in policy.versions if one.version_id == policy.default_version_id)
    return _document(version.document)


def _document(text: str | dict[str, Any]) -> Document:
    return json.loads(text) if isinstance(text, str) else text


class Guard:
    """The operator's policies, and the recorded calls and refusals."""

    def __init__(self, account: str, lock: threading.RLock) -> None:
        """Start without policies; `lock` is the cloud's, held during reads of moto's state."""
        self.lock = lock
        self.account = MotoAccount(account)
        self.policies: list[Document] | None = None
        self.runs: dict[str, list[int]] = {}
        self.run = ""
        # Run -> action -> for each kind of its calls the numbers of the policies that allow it.
        self.used: defaultdict[str, defaultdict[str, set[tuple[int, ...]]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self.refused: list[str] = []

    def set(self, policies: list[Document] | None, runs: dict[str, list[int]] | None = None) -> None:
        """Enforce these policies on the operator, and every role's own on the role; None enforces nothing.

        ``runs`` has the numbers of a run's policies, by its name without the test; any other run has all policies.
        """
        self.policies, self.runs = policies, runs or {}
        self.used.clear()
        self.refused.clear()

    def as_json(self) -> dict[str, Any]:
        """Return what the operator's calls used, by run, and were refused since the policies were given."""
        used = {
            run: {action: sorted(kinds) for action, kinds in sorted(actions.items())}
            for run, actions in self.used.items()
        }
        return {"enforced": self.policies is not None, "used": used, "refused": self.refused}

    def answer(self, environ: Environ, body: bytes) -> Answer | None:
        """Return AWS's refusal of a request; None for an allowed one, or without policies."""
        if self.policies is None or environ["PATH_INFO"].startswith("/moto-api/"):
            return None
        call: Call | None = None
        try:
            call = of_request(environ, body)
            if call is None:
                return None
            with self.lock:
                reason = self._judge(call)
        except (UnknownError, KeyError, ValueError) as error:
            reason = f"is not known to this cloud: {error!r}"
        if reason is None:
            return None
        name = call.name if call else f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        self.refused.append(f"{self.run or 'no run'}: {name}: {reason}")
        log.info("refused: %s: %s", name, reason)
        code, status = _error(call)
        return render(Fault(call.action if call else "", code, reason, status=status), environ, body)

    def _judge(self, call: Call) -> str | None:
        who, policies, boundary = self._caller(call.access_key)
        if policies is None:
            return None
        for need in needs(call, self.account):
            if who == OPERATOR_KEY:
                allowing = [n for n, policy in enumerate(self.policies or []) if allowed(need, [policy])]
                self.used[self.run][need.action].add(tuple(allowing))
            if not allowed(need, policies, boundary):
                return _message(who, need)
        return None

    def _caller(self, key: str) -> tuple[str, Iterable[Document] | None, Document | None]:
        if key == OPERATOR_KEY and self.policies is not None:
            chosen = self.runs.get(self.run.partition(" | ")[0], range(len(self.policies)))
            return key, [self.policies[number] for number in chosen], None
        for role in sts_backends[self.account.id]["aws"].assumed_roles:
            if role.access_key_id == key:
                return role.role_arn, *self.account.role_policies(role.role_arn)
        return key, None, None


def _message(who: str, need: Need) -> str:
    return (
        f"User: {who} is not authorized to perform: {need.action} on resource: {need.resource} "
        f"because no policy allows it"
    )


def _error(call: Call | None) -> tuple[str, int]:
    """Return the code and the HTTP status with which a service refuses."""
    if call is None or call.service == "s3":
        return "AccessDenied", 403
    if call.service == "ec2":
        return "UnauthorizedOperation", 403
    if get_service_model(call.service).protocol == "json":
        return "AccessDeniedException", 400
    return "AccessDenied", 403
