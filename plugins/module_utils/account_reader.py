# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read what an AWS account has of the described resources, and what it has beside them. Reads only.

AWS's answer "access denied" is a result: what it leaves unknown is listed. Every other failure raises ReadError, so that what
could not be read never looks absent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.table_order.infra.plugins.module_utils.account_forms import KINDS, Call, Kind, Raw
from ansible_collections.table_order.infra.plugins.module_utils.account_types import (
    ALARM,
    GATEWAY,
    INSTANCE,
    LOG_GROUP,
    PROFILE,
    SECRET,
    SECURITY_GROUP,
    SUBNET,
    TYPES,
    VPC,
    normal,
    plain,
)
from ansible_collections.table_order.infra.plugins.module_utils.aws_errors import DENIED, EXPIRED, THROTTLED

try:
    import boto3
    import jmespath
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.parsers import ResponseParserError
except ImportError:
    pass  # AnsibleAWSModule reports it

WORKERS = 16
"""Calls at a time."""
PAGE_SIZES = {"iam": 1000, "cloudwatch": 100, "secretsmanager": 100}
"""Elements in a page, where AWS's default is small."""
# Actions with another name than their operation.
S3_ACTIONS = {
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "ListBuckets": "ListAllMyBuckets",
}
PREFIXES = {"resourcegroupstaggingapi": "tag"}
# What an ARN of a type that is listed completely looks like: one that the list does not have no longer exists.
LISTED = re.compile(
    r"ec2:(vpc|subnet|internet-gateway|route-table|security-group|instance|elastic-ip|key-pair)$|rds:(db|subgrp|pg)$"
    r"|elasticache:(replicationgroup|subnetgroup)$|secretsmanager:|sns:|s3:"
)
# Of a type that is listed by the service's name only.
BY_NAME = {"logs:log-group": LOG_GROUP, "cloudwatch:alarm": ALARM}
# What AWS or the service itself makes of described resources: snapshots, a group's nodes, a server's interface.
PARTS = re.compile(
    r"ec2:(network-interface|security-group-rule|snapshot|image)$|rds:(snapshot|auto-backup|cluster-snapshot)$"
    r"|elasticache:(cluster|snapshot)$"
)

# What the playbooks keep beside the resources: locks, marks of procedures, the live release, and secrets of the application.
OWN = r"parameter/{0}/((lock|done|procedure)/|release$)|secret:{0}/app/"


class ReadError(Exception):
    """A read failed for another reason than a missing right; the message names the call, the reason and the fix."""


class UnknownError(Exception):
    """A value depends on an answer that AWS denied; the argument is the action."""


class Denial:
    """Stands for the result of a call that AWS denied."""

    def __init__(self, action: str, message: str) -> None:
        """Keep the IAM action and AWS's message."""
        self.action, self.message = action, message


class Answers(dict[str, Any]):
    """Results by name; asking for a denied one raises UnknownError."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any result
        """Return a result."""
        value = super().__getitem__(name)
        if isinstance(value, Denial):
            raise UnknownError(value.action)
        return value

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any result
        """Return a result, or ``default``."""
        return self[name] if name in self else default  # noqa: SIM401 - the class's own access


class Patience(NamedTuple):
    """How long a call may take: its attempts, while AWS throttles it or does not answer, and two limits in seconds."""

    attempts: int = 8
    connect: int = 10
    read: int = 30


class Session:
    """One boto3 session with the connection options of a module."""

    def __init__(self, module: Any, patience: Patience = Patience()) -> None:  # noqa: ANN401, B008 - AnsibleAWSModule; immutable
        """Take the options; sends nothing."""
        self.region, endpoint, options = get_aws_connection_info(module)
        self.session = boto3.session.Session(profile_name=options.pop("profile_name", None))
        config = Config(
            retries={"mode": "adaptive", "total_max_attempts": patience.attempts},
            max_pool_connections=WORKERS,
            connect_timeout=patience.connect,
            read_timeout=patience.read,
        )
        own = options.pop("aws_config", None)
        self.options = {
            **options,
            "region_name": self.region,
            "endpoint_url": endpoint,
            "config": config.merge(own) if own else config,
        }

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return a client of a service."""
        return self.session.client(service, **self.options)


class Client:
    """Makes calls, at most `WORKERS` at a time."""

    def __init__(self, connect: Callable[[str], Any], pool: ThreadPoolExecutor) -> None:
        """Use ``connect`` to make a boto3 client for a service."""
        self.connect, self.pool = connect, pool
        self.clients: dict[str, Any] = {}
        self.lock = threading.Lock()

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return the client of a service; boto3's session is not safe for threads."""
        with self.lock:
            if service not in self.clients:
                self.clients[service] = self.connect(service)
            return self.clients[service]

    def all(self, calls: Mapping[Any, Call]) -> dict[Any, Any]:
        """Return the result of each call, a Denial for a denied one. Raises ReadError at the first failure."""
        futures = {key: self.pool.submit(self.one, call) for key, call in calls.items()}
        try:
            return {key: future.result() for key, future in futures.items()}
        except BaseException:
            for future in futures.values():
                future.cancel()
            raise

    def one(self, call: Call) -> Any:  # noqa: ANN401 - any result
        """Return the result of a call: all pages of a list."""
        action = call.method
        try:
            client = self.client(call.service)
            operation = client.meta.method_to_api_mapping[call.method]
            action = action_of(call.service, operation)
            if client.can_paginate(call.method):
                size = {"PageSize": PAGE_SIZES[call.service]} if call.service in PAGE_SIZES else {}
                pages = client.get_paginator(call.method).paginate(PaginationConfig=size, **call.arguments)
                return [one for one in pages.search(call.key) if one is not None]
            answer = getattr(client, call.method)(**call.arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            code = code.rpartition("Client.")[2]
            if code in call.missing:
                return None
            if code in DENIED:
                return Denial(action, error.response["Error"].get("Message", code))
            raise ReadError(f"{action}: {_reason(code, error)}") from error
        except NoCredentialsError as error:
            raise ReadError(
                f"{action}: {error}. Log in, or set AWS_PROFILE, and run the command again."
            ) from error
        except (HTTPClientError, BotoConnectionError) as error:
            raise ReadError(f"{action}: AWS cannot be reached: {error}. Run the command again.") from error
        except ResponseParserError as error:
            raise ReadError(
                f"{action}: the answer is not one of AWS, perhaps a proxy's. Run the command again."
            ) from error
        except BotoCoreError as error:
            raise ReadError(f"{action}: {error}") from error
        answer.pop("ResponseMetadata", None)
        return jmespath.search(call.key, answer) if call.key else answer


def look(client: Client, call: Call) -> dict[str, Any]:
    """Return what a read ``found``, or its ``error`` as a sentence."""
    try:
        answer = client.one(call)
    except ReadError as error:
        return {"error": str(error)}
    except BotoCoreError as error:
        return {"error": f"{call.service}: {error}"}
    if isinstance(answer, Denial):
        return {
            "error": f"AWS denied {answer.action}. Render and attach the policies again (scripts/policy)."
        }
    return {"found": _plain(answer)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any result
    from datetime import UTC

    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def action_of(service: str, operation: str) -> str:
    """Return the IAM action of an operation of the API."""
    name = S3_ACTIONS.get(operation, operation) if service == "s3" else operation
    return f"{PREFIXES.get(service, service)}:{name}"


def _reason(code: str, error: ClientError) -> str:
    if code in EXPIRED:
        return f"the credentials have expired ({code}). Log in again, and run the command again."
    if code in THROTTLED:
        return f"AWS refused it as one of too many requests, several times ({code}). Run the command again in some minutes."
    return str(error)


# -- matching ------------------------------------------------------------------------------------------------


class Account:
    """What the lists say, and which element is which described resource."""

    def __init__(
        self, resources: Sequence[Mapping[str, Any]], wanted_tags: Mapping[str, str], name: str
    ) -> None:
        """Prepare for the descriptions ``resources`` of the service ``name``."""
        self.wanted_tags = {key: str(value) for key, value in wanted_tags.items()}
        self.service = name
        self.wanted = {
            kind: {
                one["name"]: normal(kind, one.get("properties", {}))
                for one in resources
                if one["type"] == kind
            }
            for kind in KINDS
        }
        unknown = {one["type"] for one in resources} - KINDS.keys()
        for kind in unknown:
            normal(kind, {})  # refuses it by name
        self.items: dict[str, list[Raw]] = {}
        self.found: dict[tuple[str, str], Raw] = {}
        self.names: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        """Type -> id of a described resource -> its name."""
        self.denied: dict[str, dict[str, Any]] = {}
        self.unsure: set[str] = set()
        """Types of which an element may be a described resource, without a way to tell."""

    def lists(self) -> dict[tuple[str, int], Call]:
        """Return the calls that list each type."""
        return {
            (kind.type, number): call
            for kind in KINDS.values()
            for number, call in enumerate(kind.calls(self.service, list(self.wanted[kind.type])))
        }

    def match(self, answers: Mapping[tuple[str, int], Any]) -> None:
        """Find the described resources in the lists."""
        for (kind, _list), answer in answers.items():
            if isinstance(answer, Denial):
                self.deny(answer, kind)
        for kind in KINDS.values():
            lists = [answer for (name, _list), answer in answers.items() if name == kind.type]
            if any(isinstance(answer, Denial) for answer in lists):
                continue
            # Two lists of one type may have the same element.
            items = {kind.id(one): one for answer in lists for one in answer}
            self.items[kind.type] = list(items.values())
        for kind in KINDS.values():
            for name, wanted in self.wanted[kind.type].items() if kind.type in self.items else ():
                raw = self.pick(kind, name, wanted)
                if raw is not None:
                    self.found[kind.type, name] = raw
                    self.names[kind.type][kind.id(raw)] = name

    def pick(self, kind: Kind, name: str, wanted: Mapping[str, Any]) -> Raw | None:
        """Return the element that is the described resource."""
        items = [one for one in self.items[kind.type] if not kind.aws_own(one)]
        same = [one for one in items if self.is_named(kind, one, name)]
        vpc = ""
        if "VpcId" in TYPES[kind.type].unset:
            if VPC not in self.items:
                # The network cannot be told: a name that only one has will do.
                if len(same) != 1:
                    self.unsure.add(kind.type)
                    self.denied[action_of_list(VPC)]["types"].add(kind.type)
                return same[0] if len(same) == 1 else None
            vpc = next(iter(self.names[VPC]), "-")
        if kind.in_vpc:
            same = [one for one in same if kind.place(one) == vpc]
        if not same:
            taken = self.names[kind.type]
            same = [one for one in items if kind.id(one) not in taken and kind.stands_for(one, wanted, vpc)]
        if len(same) > 1:
            # Several of one name: that with most in it, in the service's network.
            held = [other.place(one) for other in KINDS.values() for one in self.items.get(other.type, [])]
            same.sort(
                key=lambda one: (
                    bool(vpc) and kind.place(one) != vpc,
                    -held.count(kind.id(one)),
                    kind.rank(one),
                )
            )
        return same[0] if same else None

    def is_named(self, kind: Kind, raw: Raw, name: str) -> bool:
        """Tell whether a list's element has the identity of a description."""
        if not kind.named_by_tag:
            return kind.name(raw).lower() == name.lower()
        environment = self.wanted_tags.get("Environment")
        return kind.name(raw) == name and (
            environment is None or kind.tags(raw).get("Environment") == environment
        )

    def deny(self, denial: Denial, kind: str | None) -> None:
        """Record that a type cannot be told, or not completely."""
        entry = self.denied.setdefault(
            denial.action, {"action": denial.action, "message": denial.message, "types": set()}
        )
        if kind:
            entry["types"].add(kind)

    # -- results ---------------------------------------------------------------------------------------------

    def resource(self, kind: Kind, name: str, answers: Answers) -> dict[str, Any]:
        """Return a described resource as it is."""
        raw, wanted = self.found[kind.type, name], self.wanted[kind.type][name]
        properties: dict[str, Any] = {}
        values = kind.properties(raw, answers)
        untold = kind.untold(raw)
        for key in TYPES[kind.type].unset:
            if key in untold:
                if key in wanted:
                    properties[key] = wanted[key]
                continue
            try:
                value = values.get(key)
                properties[key] = self.named(kind.type, key, value() if callable(value) else value)
            except UnknownError as error:
                self.denied[str(error)]["types"].add(kind.type)
        properties = kind.own(normal(kind.type, properties), wanted)
        notes = self.noted(kind, raw, answers)
        if untold:
            notes.append(f"AWS does not tell {', '.join(untold)} before the end of the creation.")
        notes += [
            f"{key} is {plain(properties[key])}; no setting describes it."
            for key, usual in TYPES[kind.type].usual.items()
            if key not in wanted and key in properties and properties[key] != usual
        ]
        return {
            "type": kind.type,
            "name": name,
            "id": kind.id(raw),
            "address": kind.address(raw),
            "properties": properties,
            "pending": self.pending(kind, raw, answers),
            "notes": notes,
        }

    def pending(self, kind: Kind, raw: Raw, answers: Answers) -> dict[str, Any]:
        """Return the properties whose change AWS has not finished; none that a denied read leaves unknown."""
        try:
            return normal(kind.type, kind.pending(raw, answers))
        except UnknownError:
            return {}

    def noted(self, kind: Kind, raw: Raw, answers: Answers) -> list[str]:
        """Return the notes, as far as they can be told."""
        try:
            return kind.notes(raw, answers)
        except UnknownError:
            return ["Notes on it are incomplete: a read was denied."]

    def named(self, kind: str, key: str, value: Any) -> Any:  # noqa: ANN401 - any property
        """Return a property with the names of described resources for their ids. Raises UnknownError."""
        for path, target in TYPES[kind].references.items():
            first, _dot, rest = path.partition(".")
            if first == key and value and target in BY_ID:
                if target not in self.items or target in self.unsure:
                    raise UnknownError(action_of_list(VPC if target in self.unsure else target))
                value = _replaced(value, rest.split(".") if rest else [], self.names[target])
        return value

    def absent(self) -> Iterator[dict[str, Any]]:
        """Yield the described resources that do not exist, but that AWS still knows."""
        for kind in KINDS.values():
            for name in self.wanted[kind.type]:
                if (kind.type, name) in self.found:
                    continue
                for raw in self.items.get(kind.type, []):
                    if kind.gone(raw) and self.is_named(kind, raw, name):
                        yield {
                            "type": kind.type,
                            "name": name,
                            "id": kind.id(raw),
                            "notes": [kind.gone(raw)],
                        }

    def unmanaged(self, tagged: Iterable[Raw], parts: set[str]) -> list[dict[str, str]]:
        """Return what carries the service's tags or names, or lies in its network, and is not described.

        ``tagged`` has what the tagging API lists for the tags, ``parts`` the ids of described resources' own parts.
        """
        by_tag = {one["ResourceARN"] for one in tagged}
        # An element's id is its ARN, or the end of it.
        ends = {key: arn for arn in by_tag for key in (arn, re.split(r"[:/]", arn)[-1])}
        described = {key for names in self.names.values() for key in names}
        others = self.others()
        result = []
        for kind in KINDS.values():
            for raw in self.items.get(kind.type, []) if kind.type not in self.unsure else ():
                key = kind.id(raw)
                arn = ends.get(key, "")
                by_tag.discard(arn)
                if key in described or kind.aws_own(raw):
                    continue
                if why := self.why(kind, raw, bool(arn), others):
                    result.append({"type": kind.type, "name": kind.name(raw) or key, "id": key, "why": why})
        tags = self.tag_text()
        for arn in sorted(by_tag):
            service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
            what, last = [*re.split("[:/]", resource, maxsplit=1), ""][:2]
            own = re.match(OWN.format(re.escape(self.service)), resource)
            kind = f"{service}:{what if last else service}"
            if own or last in parts or LISTED.match(kind) or PARTS.match(kind):
                continue
            if kind in BY_NAME and BY_NAME[kind] not in self.items:
                continue  # the list that would tell which are described was denied
            result.append({"type": kind, "name": last or what, "id": arn, "why": f"It has the tags {tags}."})
        return result

    def why(self, kind: Kind, raw: Raw, tagged: bool, others: set[str]) -> str:
        """Return why an element that is not described belongs to the service, "" if it does not.

        ``others`` are the names of the project's other environments.
        """
        name, found = kind.name(raw), kind.tags(raw)
        environment = self.wanted_tags.get("Environment")
        if environment and found.get("Environment", environment) != environment:
            return ""
        if kind.type == SECRET and name.startswith(f"{self.service}/app/"):
            return ""
        if name in self.wanted[kind.type] and (kind.type, name) in self.found:
            return f"It is a second {name}."
        if tagged or (self.wanted_tags and self.wanted_tags.items() <= found.items()):
            return f"It has the tags {self.tag_text()}."
        if _begins(name, self.service) and not any(_begins(name, other) for other in others):
            return f"Its name begins with {self.service}."
        for holder in (VPC, INSTANCE):
            if kind.place(raw) in self.names[holder]:
                return f"It belongs to {self.names[holder][kind.place(raw)]}."
        return ""

    def others(self) -> set[str]:
        """Return the names of the project's other environments, as far as tags tell: theirs begin like production's."""
        project, environment = self.wanted_tags.get("Project"), self.wanted_tags.get("Environment")
        found = [kind.tags(raw) for kind in KINDS.values() for raw in self.items.get(kind.type, [])]
        return {
            f"{project}-{one['Environment']}"
            for one in found
            if one.get("Project") == project and one.get("Environment") not in (None, environment)
        } - {self.service}

    def tag_text(self) -> str:
        """Return the service's tags as text."""
        return ", ".join(f"{key}={value}" for key, value in self.wanted_tags.items())


BY_ID = frozenset((VPC, SUBNET, GATEWAY, SECURITY_GROUP, INSTANCE, PROFILE))
"""Types that others refer to by an id."""


def action_of_list(kind: str) -> str:
    """Return the IAM action that lists a type whose resources have ids."""
    call = KINDS[kind].call
    return action_of(call.service, "".join(part.title() for part in call.method.split("_")))


def _begins(name: str, service: str) -> bool:
    return bool(service and re.search(rf"(^|/){re.escape(service)}($|[-_/])", name))


def _replaced(value: Any, path: Sequence[str], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - any property
    if isinstance(value, list):
        return [_replaced(one, path, names) for one in value]
    if path and isinstance(value, Mapping):
        return {key: _replaced(one, path[1:], names) if key == path[0] else one for key, one in value.items()}
    return value if path else names.get(value, value)


# -- the whole -----------------------------------------------------------------------------------------------


def read(
    connect: Callable[[str], Any], resources: Sequence[Mapping[str, Any]], tags: Mapping[str, str], name: str
) -> dict[str, Any]:
    """Return what the account has, in the form of M(table_order.infra.account_resources_info)'s result.

    ``connect`` makes a boto3 client for a service, ``resources`` has descriptions (type, name, properties), ``tags`` those of
    all of the service's resources, ``name`` is the service's. Raises ReadError, and PropertyError for a wrong description.
    """
    started = time.monotonic()
    account = Account(resources, tags, name)
    with ThreadPoolExecutor(WORKERS) as pool:
        client = Client(connect, pool)
        own: dict[Any, Call] = {"caller": Call("sts", "get_caller_identity", "Account")}
        if tags:
            filters = [{"Key": key, "Values": [value]} for key, value in account.wanted_tags.items()]
            own["tagged"] = Call(
                "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", {"TagFilters": filters}
            )
        answers = client.all({**own, **account.lists()})
        caller, tagged = answers.pop("caller"), answers.pop("tagged", [])
        account.match(answers)
        details = _details(client, account)
    for answer in (caller, tagged):
        if isinstance(answer, Denial):
            account.deny(answer, None)
    caller = "" if isinstance(caller, Denial) else caller
    tagged = [] if isinstance(tagged, Denial) else tagged
    found, extras, parts = [], [], set()
    for (kind_name, one), raw in account.found.items():
        kind = KINDS[kind_name]
        found.append(account.resource(kind, one, details[kind_name, one]))
        try:
            parts |= {volume["VolumeId"] for volume in details[kind_name, one].get("volumes", [])}
            extras += kind.extras(raw, details[kind_name, one], account.wanted[kind_name][one])
        except UnknownError:
            pass  # recorded with the property that needs the same answer
    unmanaged = account.unmanaged(tagged, parts) + extras
    return {
        "account": caller,
        "seconds": round(time.monotonic() - started, 3),
        "resources": found,
        "absent": list(account.absent()),
        "unmanaged": sorted(unmanaged, key=lambda one: (one["type"], one["name"], one["id"])),
        "denied": [
            {**entry, "types": sorted(entry["types"])} for _action, entry in sorted(account.denied.items())
        ],
    }


def _details(client: Client, account: Account) -> dict[tuple[str, str], Answers]:
    """Return the further answers for each described resource that exists."""
    result = {key: Answers() for key in account.found}
    calls = {
        (key, name): call
        for key, raw in account.found.items()
        for name, call in KINDS[key[0]].details(raw, account.wanted[key[0]][key[1]]).items()
    }
    while calls:
        for (key, name), answer in client.all(calls).items():
            result[key][name] = answer
            if isinstance(answer, Denial):
                account.deny(answer, key[0])
        calls = {}
        for key, raw in account.found.items():
            try:
                more = KINDS[key[0]].more(raw, result[key])
            except UnknownError:
                continue
            calls |= {(key, name): call for name, call in more.items()}
    return result
