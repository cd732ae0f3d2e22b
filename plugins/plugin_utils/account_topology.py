# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Draw what the account has: a graph in the language of Graphviz, whose program dot finds the places and draws the SVG.

Names of the account are in labels and texts only; the graph's own identifiers are numbers.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ansible_collections.table_order.infra.plugins.module_utils.account_types import (
    ADDRESS,
    ALARM,
    BUCKET,
    CACHE,
    CACHE_SUBNETS,
    DB,
    DB_SUBNETS,
    GATEWAY,
    INSTANCE,
    LATER,
    LOG_GROUP,
    ROUTE_TABLE,
    SECRET,
    SECURITY_GROUP,
    SUBNET,
    TOPIC,
    TYPES,
    VPC,
    normal,
)

INK, GREY, BLUE, WHITE = "#1f2328", "#f0f2f4", "#dcebfb", "#ffffff"
FONT = 'fontname="Helvetica,Arial,sans-serif"'
INTERNET = ("0.0.0.0/0", "::/0")
# Of a rule, by its direction: where it comes from, or leads to.
INGRESS = ("CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourcePrefixListId")
EGRESS = ("CidrIp", "CidrIpv6", "DestinationSecurityGroupId", "DestinationPrefixListId")
LEGEND = (
    "Arrows: security groups' inbound rules (solid) and outbound rules (dotted), routes (dashed).",
    "A dashed frame: it does not exist, cannot be told, or is no longer in the settings.",
)
SVG = "http://www.w3.org/2000/svg"
ABSENT, UNKNOWN, ENDING = "absent", "unknown: a read was denied", "no longer in the settings"

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """A described resource, with the account's properties if it exists, else with the described ones."""

    type: str
    name: str
    properties: Properties
    mark: str
    """Empty for one that exists and is wanted, else ABSENT, UNKNOWN or ENDING."""
    address: str

    @property
    def exists(self) -> bool:
        """Tell whether the account has it: only then are its rules and routes arrows."""
        return self.mark not in (ABSENT, UNKNOWN)

    @property
    def title(self) -> str:
        """Return the name, with the mark."""
        return f"{self.name} ({self.mark})" if self.mark else self.name

    def get(self, name: str) -> str:
        """Return a property as text, "" without one, a question mark for what AWS chooses at creation."""
        value = self.properties.get(name, "")
        return "?" if isinstance(value, Mapping) and LATER in value else str(value)


@dataclass
class Graph:
    """A graph in Graphviz's language, and what its elements are called."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Identifier of a node, an edge or a cluster -> its text alternative."""

    def add(self, prefix: str, name: str) -> str:
        """Return a new identifier for an element with this text alternative."""
        key = f"{prefix}{len(self.names) + 1}"
        self.names[key] = _printable(name)
        return key

    def node(self, name: str, label: str, **attributes: str) -> str:
        """Draw a node with a label of `_table`; return its identifier."""
        key = self.add("n", name)
        self.lines.append(f"{key} [id={key}, label=<{label}>{_attributes(attributes)}];")
        return key

    def edge(self, start: str, end: str, name: str, label: str = "", **attributes: str) -> None:
        """Draw an edge between two nodes, or ports of nodes."""
        key = self.add("e", name)
        shown = f", label=<{_escaped(f' {label} ')}>" if label else ""
        self.lines.append(f"{start} -> {end} [id={key}{shown}{_attributes(attributes)}];")

    def cluster(self, name: str, lines: Sequence[str], inside: Callable[[], None], **attributes: str) -> str:
        """Draw a frame around what ``inside`` draws; return its identifier."""
        key = self.add("cluster_", name)
        label = '<BR ALIGN="LEFT"/>'.join(_escaped(line) for line in lines)
        self.lines.append(f"subgraph {key} {{")
        self.lines.append(
            f'graph [id={key}, label=<{label}<BR ALIGN="LEFT"/>>, labeljust=l{_attributes(attributes)}];'
        )
        inside()
        self.lines.append("}")
        return key


def topology(described: Sequence[Mapping[str, Any]], found: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Return the picture of an account as ``dot`` (the graph), ``names``, ``title`` and ``description`` for `picture`.

    ``described`` has the roles' descriptions, ``found`` is the result of account_resources_info for them.
    """
    return _Account(described, found).drawn(title)


def picture(svg: str, drawn: Mapping[str, Any]) -> str:
    """Return dot's SVG of a graph of `topology` with text alternatives, scalable, and without a reference to the network."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)  # noqa: S314 - made by dot from `topology`'s graph, without entities
    for element in root.iter():
        title = element.find(f"{{{SVG}}}title")
        if title is not None:
            title.text = drawn["names"].get(element.get("id", ""), drawn["title"])
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": "topology-title topology-description"}
    for position, name in enumerate(("title", "description")):
        tag = {"title": "title", "description": "desc"}[name]
        text = ElementTree.Element(f"{{{SVG}}}{tag}", {"id": f"topology-{name}"})
        text.text = drawn[name]
        root.insert(position, text)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


class _Account:
    """Draws one account."""

    def __init__(self, described: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> None:
        self.found = found
        self.resources = list(_resources(described, found))
        self.graph = Graph()
        self.nodes: dict[tuple[str, str], str] = {}
        """Type and name -> node, or port of a node."""
        self.anchors: dict[str, tuple[str, str]] = {}
        """Subnet -> a node in it, and its cluster."""
        self.groups: dict[str, list[str]] = {}
        """Security group -> the ports of those that have it."""
        self.outside: dict[str, str] = {}
        """What no description has, but a rule or a route names -> its node."""
        self.done: set[tuple[str, str]] = set()

    def of(self, *kinds: str) -> list[Resource]:
        """Return the resources of these types."""
        return [one for one in self.resources if one.type in kinds]

    def drawn(self, title: str) -> dict[str, Any]:
        """Return the result of `topology`."""
        graph = self.graph
        where = f"Account {self.found['account'] or '(unknown)'}, region {self.found['region']}"
        graph.cluster(where, [title, where, *LEGEND], self.region, style="rounded", color=INK)
        self.routes()
        self.rules()
        self.alarms()
        head = [
            "digraph topology {",
            f'rankdir=LR; compound=true; newrank=true; ranksep=0.45; nodesep=0.25; bgcolor="{WHITE}"; fontsize=11; {FONT};',
            f'node [shape=box, style=filled, fillcolor="{WHITE}", color="{INK}", fontcolor="{INK}", fontsize=11, '
            f"margin=0.04, {FONT}];",
            f'edge [color="{INK}", fontcolor="{INK}", fontsize=10, {FONT}];',
        ]
        return {
            "dot": "\n".join([*head, *graph.lines, "}"]) + "\n",
            "names": graph.names,
            "title": _printable(title),
            "description": "\n".join(graph.names.values()),
        }

    # -- places ----------------------------------------------------------------------------------------------

    def region(self) -> None:
        """Draw all resources."""
        vpcs = {one.name: one for one in self.of(VPC)}
        for vpc in vpcs.values():
            lines = [f"VPC {vpc.title}", vpc.get("CidrBlock")]
            self.graph.cluster(" ".join(lines), lines, lambda vpc=vpc: self.vpc(vpc), **_frame(vpc))
            self.done.add((VPC, vpc.name))
        for one in self.of(INSTANCE, DB, CACHE, GATEWAY, ROUTE_TABLE, SECURITY_GROUP, BUCKET, TOPIC):
            self.draw(one)
        self.rows("Alarms", self.of(ALARM), _alarm)
        self.rows("Log groups", self.of(LOG_GROUP), _log_group)
        self.rows("Secrets (names only)", self.of(SECRET))
        rest = [one for one in self.resources if (one.type, one.name) not in self.done]
        self.rows("Other resources", rest, lambda one: [_kind(one.type)])
        others = self.found["unmanaged"]
        if others:
            lines = [f"? {_unmanaged(one)}: {one['why']}" for one in others]
            title = "Unmanaged: no setting describes it"
            self.graph.node(" ".join([f"{title}:", *lines]), _table([title], lines), style="dotted")
        for one in self.found["denied"]:
            text = f"Not told: {one['action']} was denied"
            self.graph.node(text, _table([text], map(_kind, one["types"])), style="dotted")

    def vpc(self, vpc: Resource) -> None:
        """Draw what lies in a VPC: zones with their subnets, and what has no zone."""
        zones: dict[str, list[Resource]] = {}
        for subnet in self.of(SUBNET):
            if subnet.get("VpcId") == vpc.name:
                zones.setdefault(subnet.get("AvailabilityZone") or "?", []).append(subnet)
        for zone in sorted(zones):

            def inside(zone: str = zone) -> None:
                for subnet in zones[zone]:
                    self.subnet(subnet)

            self.graph.cluster(f"Zone {zone}", [f"Zone {zone}"], inside, style="rounded", color=INK)
        for one in self.of(INSTANCE, DB, CACHE, GATEWAY, ROUTE_TABLE, SECURITY_GROUP):
            # Those of a subnet are drawn. Others name the VPC, or only a subnet or a subnet group that does not exist.
            if one.properties.get("VpcId", vpc.name) == vpc.name:
                self.draw(one)

    def subnet(self, subnet: Resource) -> None:
        """Draw a subnet with what lies in it."""
        public = self.is_public(subnet)
        lines = [f"{'Public' if public else 'Private'} subnet {subnet.title}", subnet.get("CidrBlock")]
        inside = [one for one in self.of(INSTANCE, DB, CACHE) if self.place(one) == subnet.name]

        def draw() -> None:
            for one in inside:
                self.draw(one)
            if not inside:
                self.nodes[SUBNET, subnet.name] = self.graph.node(
                    "Nothing lies in this subnet", "(empty)", shape="plaintext", style="solid"
                )

        cluster = self.graph.cluster(" ".join(lines), lines, draw, **_frame(subnet, BLUE if public else GREY))
        anchor = self.nodes.get((SUBNET, subnet.name)) or self.nodes[inside[0].type, inside[0].name]
        self.anchors[subnet.name] = (anchor, cluster)
        self.done.add((SUBNET, subnet.name))

    def is_public(self, subnet: Resource) -> bool:
        """Tell whether a subnet has a route to an internet gateway."""
        gateways = {one.name for one in self.of(GATEWAY)}
        targets = [
            _route(route)[1]
            for table in self.of(ROUTE_TABLE)
            if subnet.name in table.properties.get("SubnetIds", [])
            for route in table.properties.get("Routes", [])
        ]
        return any(target in gateways or target.startswith("igw-") for target in targets)

    def place(self, one: Resource) -> str:
        """Return the subnet of a server, or that of a database or a cache in its first zone; "" if it cannot be told."""
        if one.type == INSTANCE:
            return one.get("SubnetId")
        kind, key = (
            (DB_SUBNETS, "DBSubnetGroupName") if one.type == DB else (CACHE_SUBNETS, "CacheSubnetGroupName")
        )
        names = {
            name
            for group in self.of(kind)
            if group.name == one.get(key)
            for name in group.properties["SubnetIds"]
        }
        subnets = [subnet for subnet in self.of(SUBNET) if subnet.name in names]
        zones = (
            [one.get("AvailabilityZone")]
            if one.type == DB
            else one.properties.get("PreferredCacheClusterAZs", [])
        )
        return next(
            (
                subnet.name
                for zone in zones[:1]
                for subnet in subnets
                if subnet.get("AvailabilityZone") == zone
            ),
            "",
        )

    # -- resources -------------------------------------------------------------------------------------------

    def draw(self, one: Resource) -> None:
        """Draw a resource as a node of its own, once."""
        key = (one.type, one.name)
        if key in self.done or (one.type == SECURITY_GROUP and self.is_held(one.name)):
            return
        self.done.add(key)
        lines, shape = _LINES[one.type](one) if one.type in _LINES else [], _SHAPES.get(one.type, "box")
        if one.type == INSTANCE:
            lines += self.addresses(one)
        groups = list(dict.fromkeys(_groups(one)))
        marks = {group.name: group.title for group in self.of(SECURITY_GROUP)}
        held = [(f"g{number}", f"group {marks.get(name, name)}") for number, name in enumerate(groups)]
        text = " ".join(
            [f"{one.title}:", ", ".join([_kind(one.type), *lines, *(label for _arrow, label in held)])]
        )
        self.nodes[key] = node = self.graph.node(
            text,
            _table([one.title, _kind(one.type)], lines, held),
            shape=shape,
            style=_style(one),
            # The name is below a cylinder's upper edge.
            margin="0.04,0.12" if shape == "cylinder" else "0.04",
        )
        for number, name in enumerate(groups):
            self.groups.setdefault(name, []).append(f"{node}:g{number}")
            self.done.add((SECURITY_GROUP, name))

    def addresses(self, server: Resource) -> list[str]:
        """Return the Elastic IP addresses of a server."""
        mine = [one for one in self.of(ADDRESS) if one.get("InstanceId") == server.name]
        self.done |= {(ADDRESS, one.name) for one in mine}
        return [
            " ".join(["Elastic IP", *filter(None, [one.address, f"({one.mark})" if one.mark else ""])])
            for one in mine
        ]

    def is_held(self, group: str) -> bool:
        """Tell whether a server, a database or a cache has a security group."""
        return any(group in _groups(one) for one in self.resources)

    def rows(
        self, title: str, resources: Sequence[Resource], lines: Callable[[Resource], list[str]] = lambda _: []
    ) -> None:
        """Draw a list of resources as one node."""
        if not resources:
            return
        texts = [" ".join([one.title, *(f"({line})" for line in lines(one) if line)]) for one in resources]
        held = [(f"r{number}", text) for number, text in enumerate(texts)]
        node = self.graph.node(f"{title}: {', '.join(texts)}", _table([title], [], held), shape="note")
        for number, one in enumerate(resources):
            self.nodes[one.type, one.name] = f"{node}:r{number}"
            self.done.add((one.type, one.name))

    # -- arrows ----------------------------------------------------------------------------------------------

    def routes(self) -> None:
        """Draw the subnets of each route table, its routes, and the gateways' connection to the internet."""
        for gateway in self.of(GATEWAY):
            if gateway.get("VpcId") and gateway.exists:
                name = f"{gateway.name} connects {gateway.get('VpcId')} to the internet"
                self.graph.edge(
                    self.end(INTERNET[0]), self.nodes[GATEWAY, gateway.name], name, dir="both", penwidth="2"
                )
        for table in filter(_exists, self.of(ROUTE_TABLE)):
            node = self.nodes[ROUTE_TABLE, table.name]
            for route in table.properties.get("Routes", []):
                where, to = _route(route)
                end = self.nodes.get((GATEWAY, to)) or self.end(to)
                name = f"{table.name} routes {where} to {to}"
                # From left to right the gateway comes before the server.
                self.graph.edge(end, node, name, where, dir="back", style="dashed")
            for subnet in table.properties.get("SubnetIds", []):
                if subnet in self.anchors:
                    anchor, cluster = self.anchors[subnet]
                    name = f"{table.name} is the route table of {subnet}"
                    self.graph.edge(node, anchor, name, lhead=cluster, dir="none", style="dashed")

    def rules(self) -> None:
        """Draw an arrow with its ports for each pair that a security group's rules connect."""
        arrows: dict[tuple[str, str, str], list[str]] = {}
        for group in filter(_exists, self.of(SECURITY_GROUP)):
            for key, names in (("SecurityGroupIngress", INGRESS), ("SecurityGroupEgress", EGRESS)):
                for rule in group.properties.get(key, []):
                    other = next((str(rule[name]) for name in names if name in rule), "?")
                    other = INTERNET[0] if other in INTERNET else other
                    pair = (other, group.name) if key == "SecurityGroupIngress" else (group.name, other)
                    arrows.setdefault((*pair, key), []).append(_ports(rule))
        for (start, end, key), ports in arrows.items():
            label = ", ".join(dict.fromkeys(ports))
            outbound = key == "SecurityGroupEgress"
            names = [_who(start), _who(end)]
            text = f"{names[0]} may connect to {names[1]}: {label}" + (" (outbound rule)" if outbound else "")
            style = {"style": "dotted", "constraint": "false"} if outbound else {"penwidth": "1.5"}
            for one in self.ends(start):
                for other in self.ends(end):
                    self.graph.edge(one, other, text, f"{label} out" if outbound else label, **style)

    def ends(self, name: str) -> list[str]:
        """Return the nodes of those that have a security group, of the group alone, or of an address range."""
        alone = self.nodes.get((SECURITY_GROUP, name))
        return self.groups.get(name) or ([alone] if alone else [self.end(name)])

    def end(self, name: str) -> str:
        """Return the node of what lies outside the descriptions."""
        if name not in self.outside:
            text = _who(name)
            self.outside[name] = self.graph.node(text, _table([text], []), shape="ellipse")
        return self.outside[name]

    def alarms(self) -> None:
        """Draw which topic an alarm notifies."""
        for alarm in filter(_exists, self.of(ALARM)):
            for topic in filter(_exists, self.of(TOPIC)):
                if any(
                    str(arn).endswith(f":{topic.name}") for arn in alarm.properties.get("AlarmActions", [])
                ):
                    name = f"{alarm.name} notifies {topic.name}"
                    self.graph.edge(self.nodes[ALARM, alarm.name], self.nodes[TOPIC, topic.name], name)


def _resources(described: Iterable[Mapping[str, Any]], found: Mapping[str, Any]) -> Iterator[Resource]:
    existing = {(one["type"], one["name"]): one for one in found["resources"]}
    denied = {kind for one in found["denied"] for kind in one["types"]}
    for one in described:
        has = existing.get((one["type"], one["name"]))
        if has:
            mark = ENDING if one.get("absent") else ""
        elif one.get("absent"):
            continue
        else:
            mark = UNKNOWN if one["type"] in denied else ABSENT
        properties = has["properties"] if has else normal(one["type"], one.get("properties", {}))
        yield Resource(one["type"], one["name"], properties, mark, has.get("address", "") if has else "")


def _exists(one: Resource) -> bool:
    return one.exists


def _groups(one: Resource) -> list[str]:
    """Return the security groups that a resource has; a group's own rules are arrows."""
    paths = [
        path
        for path, kind in TYPES[one.type].references.items()
        if kind == SECURITY_GROUP and "." not in path
    ]
    return [str(name) for path in paths for name in one.properties.get(path, [])]


# -- texts ---------------------------------------------------------------------------------------------------


def _instance(one: Resource) -> list[str]:
    disks = [device.get("Ebs", {}) for device in one.properties.get("BlockDeviceMappings", [])]
    return [
        ", ".join(
            filter(
                None,
                [
                    one.get("InstanceType"),
                    one.get("InstanceLifecycle"),
                    one.get("State") if not one.mark else "",
                ],
            )
        ),
        *(f"{disk.get('VolumeSize', '?')} GB {disk.get('VolumeType', '')}".strip() for disk in disks),
        *([f"private {one.address}"] if one.address else []),
    ]


def _database(one: Resource) -> list[str]:
    more = {"MultiAZ": "standby in another zone", "PubliclyAccessible": "publicly accessible"}
    return [
        f"{one.get('Engine')} {one.get('EngineVersion')}, {one.get('DBInstanceClass')}",
        f"{one.get('AllocatedStorage')} GB {one.get('StorageType')}",
        *(text for name, text in more.items() if one.properties.get(name) is True),
    ]


def _cache(one: Resource) -> list[str]:
    zones = one.properties.get("PreferredCacheClusterAZs", [])
    return [
        f"{one.get('Engine')} {one.get('EngineVersion')}, {one.get('CacheNodeType')}",
        f"nodes: {one.get('NumCacheClusters')} ({', '.join(zones)})",
    ]


def _bucket(one: Resource) -> list[str]:
    block = one.properties.get("PublicAccessBlockConfiguration", {})
    return [
        "all public access blocked" if list(block.values()) == [True] * 4 else "public access not blocked"
    ]


def _unmanaged(one: Mapping[str, Any]) -> str:
    # The name of a subscription is its endpoint, which may have a token.
    name = "" if one["type"] == "AWS::SNS::Subscription" else one["name"] or one["id"]
    return f"{_kind(one['type'])} {name}".rstrip()


def _topic(one: Resource) -> list[str]:
    # An endpoint may have a token.
    kinds = [str(each.get("Protocol")) for each in one.properties.get("Subscription", [])]
    return [f"subscriptions: {', '.join(kinds) or 'none'}"]


def _route_table(one: Resource) -> list[str]:
    return [] if one.properties.get("Routes") else ["only inside the VPC"]


_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}


def _alarm(one: Resource) -> list[str]:
    sign = _SIGNS.get(one.get("ComparisonOperator"), one.get("ComparisonOperator"))
    off = "disabled" if one.properties.get("ActionsEnabled") is False else ""
    return [f"{one.get('MetricName')} {sign} {one.get('Threshold')}", off]


def _log_group(one: Resource) -> list[str]:
    days = one.get("RetentionInDays")
    return [f"{days} days" if days else "kept for ever"]


_LINES: dict[str, Callable[[Resource], list[str]]] = {
    INSTANCE: _instance,
    DB: _database,
    CACHE: _cache,
    BUCKET: _bucket,
    TOPIC: _topic,
    ROUTE_TABLE: _route_table,
}
_SHAPES = {DB: "cylinder", CACHE: "cylinder", BUCKET: "folder", GATEWAY: "hexagon"}


def _route(route: Mapping[str, Any]) -> tuple[str, str]:
    """Return destination and target of a route."""
    ways = {True: "?", False: "?"}
    for key, value in route.items():
        ways[key.startswith("Destination")] = str(value)
    return ways[True], ways[False]


def _ports(rule: Mapping[str, Any]) -> str:
    protocol, first, last = (
        rule.get("IpProtocol", "-1"),
        str(rule.get("FromPort", "")),
        str(rule.get("ToPort", "")),
    )
    if protocol == "-1":
        return "all"
    if not first or first == "-1" or (first, last) == ("0", "65535"):
        return f"{protocol} all"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _who(name: str) -> str:
    return "Internet" if name in INTERNET else name


def _kind(name: str) -> str:
    """Return a type of CloudFormation as words: ``EC2 Instance``."""
    return name.removeprefix("AWS::").replace("::", " ")


# -- Graphviz ------------------------------------------------------------------------------------------------


def _table(heads: Sequence[str], lines: Iterable[str], ports: Sequence[tuple[str, str]] = ()) -> str:
    """Return a label: a bold line, further lines, and cells that edges lead to, each a port and its text."""
    rows = [
        f"<TD><B>{_escaped(heads[0])}</B></TD>",
        *(f"<TD>{_escaped(line)}</TD>" for line in (*heads[1:], *lines)),
    ]
    rows += [
        f'<TD PORT="{port}" BORDER="1" SIDES="T" ALIGN="LEFT">{_escaped(text)}</TD>' for port, text in ports
    ]
    cells = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{cells}</TABLE>'


def _style(one: Resource) -> str:
    return "filled,dashed" if one.mark else "filled"


def _frame(one: Resource, fill: str = WHITE) -> dict[str, str]:
    return {"style": _style(one), "fillcolor": fill, "color": INK}


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f', {key}="{value}"' for key, value in values.items())


def _printable(text: str) -> str:
    """Return a text with a question mark for what XML does not accept or nobody sees."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _escaped(text: str) -> str:
    return html.escape(_printable(str(text)))
