"""The topology: its graph, its texts, and the picture that Graphviz makes of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from ansible_collections.table_order.infra.plugins.plugin_utils.account_topology import picture, topology

from tests.unit.account.finished_site import described
from tests.unit.tasks import ROOT
from tests.unit.topology.draw import TITLE, default_site, found, svg

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(
    not shutil.which("dot"), reason="Graphviz is missing: scripts/setup --test installs it"
)


def drawn(read=None, wanted=None):
    return topology(described() if wanted is None else wanted, read or found(), TITLE)


def texts(result):
    return list(result["names"].values())


def text(result, start):
    """Return the only text that begins so."""
    [one] = [one for one in texts(result) if one.startswith(start)]
    return one


def changed(name, **properties):
    """Return the account with other properties of one resource."""
    read = found()
    next(one for one in read["resources"] if one["name"] == name and one["type"] != "AWS::EC2::EIP")[
        "properties"
    ].update(properties)
    return read


# What is inside a frame: its lines up to its end, with those of the frames in it.
def inside(result, start):
    [key] = [
        key for key, name in result["names"].items() if name.startswith(start) and key.startswith("cluster")
    ]
    lines = result["dot"].splitlines()
    first = lines.index(f"subgraph {key} {{")
    depth = 0
    for number, line in enumerate(lines[first:], first):
        depth += line.startswith("subgraph") - (line == "}")
        if depth == 0:
            return "\n".join(lines[first:number])
    raise AssertionError(start)


def test_each_resource_is_in_the_picture():
    result = drawn()
    missing = [one["name"] for one in described() if one["name"] not in result["description"]]
    assert missing == []
    assert "absent" not in result["description"]


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (
            "VPC table-order-vpc 10.0.0.0/16",
            "table-order-igw table-order-public-rt table-order-private-rt Zone",
        ),
        ("Zone ap-northeast-2a", "table-order-public-subnet table-order-private-subnet"),
        ("Zone ap-northeast-2c", "table-order-private-subnet-b"),
        ("Public subnet table-order-public-subnet 10.0.1.0/24", "table-order-app-server"),
        ("Private subnet table-order-private-subnet 10.0.2.0/24", "table-order-db table-order-redis"),
        ("Private subnet table-order-private-subnet-b 10.0.3.0/24", "(empty)"),
    ],
)
def test_a_frame_holds_what_lies_in_it(frame, names):
    held = inside(drawn(), frame)
    assert [name for name in names.split() if name not in held] == []
    outside = {"table-order-app-server", "table-order-db<", "menu-images"} - set(names.split())
    if "subnet-b" in frame:
        assert [name for name in outside if name in held] == []


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            "table-order-app-server:",
            "EC2 Instance, t3.medium, running, 30 GB gp3, private 10.0.1.20, Elastic IP 203.0.113.80",
        ),
        ("table-order-db:", "RDS DBInstance, postgres 15, db.t3.small, 20 GB gp3, group table-order-rds-sg"),
        (
            "table-order-redis:",
            "redis 7.1, cache.t3.micro, nodes: 1 (ap-northeast-2a), group table-order-redis-sg",
        ),
        ("table-order-menu-images", "S3 Bucket, all public access blocked"),
        ("table-order-alarms:", "SNS Topic, subscriptions: email"),
        ("Secrets (names only)", "table-order/rds/master, table-order/app/settings"),
        ("Log groups", "/aws/ec2/table-order/fastapi (7 days)"),
        ("Alarms", "table-order-ec2-high-cpu (CPUUtilization > 80)"),
        ("Internet may", "to table-order-ec2-sg: tcp 80"),
        ("203.0.113.5/32 may", "to table-order-ec2-sg: tcp 22"),
        ("table-order-ec2-sg may connect to table-order-rds-sg", ": tcp 5432"),
        ("table-order-ec2-sg may connect to table-order-redis-sg", ": tcp 6379"),
        ("table-order-ec2-sg may connect to Internet", ": all (outbound rule)"),
        ("table-order-public-rt routes", "0.0.0.0/0 to table-order-igw"),
        ("table-order-igw connects", "table-order-vpc to the internet"),
        ("table-order-ec2-high-cpu notifies", "table-order-alarms"),
    ],
)
def test_a_text_says_what_the_picture_shows(start, said):
    assert said in text(drawn(), start)


def test_a_secret_has_its_name_only_and_a_subscription_its_protocol():
    result = json.dumps(drawn())
    assert "ops@example.com" not in result
    assert "Signing key" not in result


@pytest.mark.parametrize("one", described(), ids=lambda one: f"{one['type']} {one['name']}")
def test_an_absent_resource_is_marked_and_the_others_stay(one):
    read = found()
    read["resources"] = [
        other for other in read["resources"] if (other["type"], other["name"]) != (one["type"], one["name"])
    ]
    result = drawn(read)
    marks = re.findall(r"(\S+|Elastic IP) \(absent\)", result["description"])
    # A security group is named once, where it is used.
    assert marks in ([one["name"]], ["Elastic IP"] if one["type"] == "AWS::EC2::EIP" else [])
    assert [
        each["name"] for each in described() if each["name"] not in result["description"] and each != one
    ] == []


def test_an_empty_account_has_each_resource_with_its_mark_and_no_arrow():
    result = drawn(found(resources=[]))
    assert [one["name"] for one in described() if one["name"] not in result["description"]] == []
    assert "running" not in result["description"]
    assert " -> " not in result["dot"]
    assert result["dot"].count("filled,dashed") >= 10


def test_what_could_not_be_read_is_unknown_and_not_absent():
    read = found("table-order-db")
    read["denied"] = [
        {"action": "rds:DescribeDBInstances", "message": "no", "types": ["AWS::RDS::DBInstance"]}
    ]
    result = drawn(read)
    assert text(result, "table-order-db (unknown: a read was denied)")
    assert text(result, "Not told: rds:DescribeDBInstances was denied")


def test_what_a_setting_turned_off_is_there_only_while_it_exists():
    wanted = [one | {"absent": one["type"] == "AWS::SNS::Topic"} for one in described()]
    assert text(drawn(wanted=wanted), "table-order-alarms (no longer in the settings)")
    assert "SNS Topic" not in drawn(found("table-order-alarms"), wanted)["description"]


def test_what_no_setting_describes_is_listed_with_the_reason():
    read = found()
    read["unmanaged"] = [
        {"type": "AWS::EC2::Instance", "name": "test", "id": "i-1", "why": "It is a second one."}
    ]
    assert "? EC2 Instance test: It is a second one." in text(
        drawn(read), "Unmanaged: no setting describes it"
    )


def test_an_unmanaged_subscription_has_no_endpoint():
    read = found()
    endpoint = "https://example.com/?token=1"
    read["unmanaged"] = [
        {
            "type": "AWS::SNS::Subscription",
            "name": endpoint,
            "id": "arn",
            "why": "It subscribes to a (https).",
        }
    ]
    assert "? SNS Subscription: It subscribes to a (https)." in text(drawn(read), "Unmanaged")
    assert "token" not in json.dumps(drawn(read))


def test_rules_follow_the_account_and_not_the_settings():
    open_rule = {"IpProtocol": "-1", "CidrIpv6": "::/0"}
    ranges = {
        "IpProtocol": "udp",
        "FromPort": "1000",
        "ToPort": "2000",
        "SourceSecurityGroupId": "sg-foreign",
    }
    result = drawn(changed("table-order-rds-sg", SecurityGroupIngress=[open_rule, ranges]))
    assert text(result, "Internet may connect to table-order-rds-sg").endswith(": all")
    assert text(result, "sg-foreign may connect to table-order-rds-sg").endswith(": udp 1000-2000")
    assert "to table-order-rds-sg: tcp 5432" not in result["description"]


def test_a_group_that_nothing_has_is_a_node_of_its_own():
    result = drawn(changed("table-order-db", VPCSecurityGroups=["sg-foreign"]))
    assert text(result, "table-order-rds-sg: EC2 SecurityGroup")
    assert "group sg-foreign" in text(result, "table-order-db:")


@pytest.mark.parametrize(
    ("zone", "frame"),
    [("ap-northeast-2c", "Private subnet table-order-private-subnet-b"), ("", "VPC table-order-vpc")],
)
def test_a_database_is_in_its_zone_and_without_one_only_in_the_network(zone, frame):
    result = drawn(changed("table-order-db", AvailabilityZone=zone))
    assert "table-order-db<" in inside(result, frame)
    assert "table-order-db<" not in inside(result, "Zone ap-northeast-2a")


def test_a_subnet_is_public_by_its_routes():
    result = drawn(changed("table-order-public-rt", Routes=[]))
    assert text(result, "Private subnet table-order-public-subnet")
    assert "only inside the VPC" in text(result, "table-order-public-rt:")


def elsewhere(value):
    """Return the site as staging's, in another region."""
    said = (
        json.dumps(value)
        .replace("ap-northeast-2", "eu-north-1")
        .replace("table-order", "table-order-staging")
    )
    return json.loads(said)


def test_another_region_and_the_names_of_staging():
    result = drawn(elsewhere(found()), elsewhere(described()))
    assert "ap-northeast-2" not in result["dot"]
    assert "table-order-staging-app-server" in inside(
        result, "Public subnet table-order-staging-public-subnet"
    )
    assert "table-order-staging-db" in inside(result, "Zone eu-north-1a")
    assert len(result["names"]) == len(drawn()["names"])


HOSTILE = '<b>"\\N}</b> & [x]; -> "\x1b[31m\x00 가게'


def named(value):
    """Return the site with a hostile name in place of the server's."""
    if isinstance(value, dict):
        return {key: named(one) for key, one in value.items()}
    if isinstance(value, list):
        return [named(one) for one in value]
    return HOSTILE if value == "table-order-app-server" else value


def test_a_name_is_only_text():
    result = drawn(named(found()), named(described()))
    labels = re.sub(r"label=<.*>", "", result["dot"])
    assert "가게" not in labels
    assert "<b>" not in result["dot"]
    assert result["dot"].isprintable() or set(result["dot"]) & {"\x1b", "\x00"} == set()
    assert text(result, '<b>"\\N}</b> & [x]; -> "?[31m? 가게:')


def elements(drawing):
    return ElementTree.fromstring(drawing)  # noqa: S314 - drawn by this test, or in the repository


def shown(drawing):
    """Return the texts of a picture: its title, its description, and those of its elements."""
    root = elements(drawing)
    return [one.text for one in root.iter() if one.tag in (f"{SVG}title", f"{SVG}desc")]


@needs_dot
@pytest.mark.parametrize(
    "change", [lambda value: value, named, elsewhere], ids=["plain", "hostile", "elsewhere"]
)
def test_graphviz_draws_each_element_with_its_text(change):
    result = drawn(change(found()), change(described()))
    drawing = picture(svg(result["dot"]), result)
    assert sorted(shown(drawing)) == sorted([*[result["title"]] * 2, result["description"], *texts(result)])
    root = elements(drawing)
    assert root.get("role") == "img"
    names = root.get("aria-labelledby").split()
    assert [root.find(f"*[@id='{name}']").text for name in names] == [result["title"], result["description"]]
    assert root.get("viewBox")
    assert root.get("width") is None


@needs_dot
def test_graphviz_draws_an_account_with_nothing_and_with_much():
    read = found(resources=[])
    read["unmanaged"] = [{"type": "ssm:parameter", "name": "", "id": HOSTILE, "why": "<>"}]
    read["denied"] = [{"action": "ec2:DescribeVpcs", "message": "", "types": ["AWS::EC2::VPC"]}]
    result = drawn(read)
    assert len(shown(picture(svg(result["dot"]), result))) == len(result["names"]) + 3


def test_the_picture_in_the_documents_is_that_of_the_default_site():
    """Not byte by byte: another version of Graphviz finds other places."""
    drawing = (ROOT / "docs/topology.svg").read_text()
    site = default_site()
    result = drawn(found(resources=site), site)
    assert sorted(shown(drawing)) == sorted([*[TITLE] * 2, result["description"], *texts(result)]), (
        "write it again with: make docs"
    )
    words = {" ".join(one.itertext()).strip() for one in elements(drawing).iter(f"{SVG}text")}
    assert {"table-order-app-server", "t3.medium, running", "tcp 5432", "Zone ap-northeast-2c"} <= words
    # Namespaces are names, not addresses that a browser asks.
    links = set(re.findall(r'(?:href|src|url\()[="\']*([^"\')]+)', drawing)) | set(
        re.findall(r"@import|<!DOCTYPE", drawing)
    )
    assert links == set()


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (["staging", "-v"], ["-i", "inventories/staging", "-v"]),
        (["tests/inventory"], ["-i", "tests/inventory"]),
        (["-e", "topology_file=a.svg"], ["-e", "topology_file=a.svg"]),
        ([], []),
    ],
)
def test_the_command_runs_the_playbook_with_the_inventory(tmp_path, arguments, passed):
    """With a stand-in for ansible-playbook that prints its arguments."""
    program = tmp_path / ".venv/bin/ansible-playbook"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "inventories").symlink_to(ROOT / "inventories")
    shutil.copy(ROOT / "scripts/topology", tmp_path / "scripts")
    done = subprocess.run(
        [tmp_path / "scripts/topology", *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["playbooks/topology.yml", *passed]


def test_the_playbook_only_reads_and_writes_the_picture_for_its_reader_alone():
    [play] = yaml.safe_load((ROOT / "playbooks/topology.yml").read_text())
    modules = {
        key: task for task in play["tasks"] for key in task if key.startswith(("ansible.", "table_order."))
    }
    assert set(modules) == {
        "ansible.builtin.assert",
        "ansible.builtin.import_tasks",
        "ansible.builtin.set_fact",
        "ansible.builtin.command",
        "ansible.builtin.file",
        "ansible.builtin.copy",
        "ansible.builtin.debug",
    }
    assert modules["ansible.builtin.copy"]["ansible.builtin.copy"]["mode"] == "0600"
    assert next(iter(modules)) == "ansible.builtin.assert", (
        "a missing program is told before the account is read"
    )
