"""What is wanted on AWS is described once: the descriptions are valid anywhere, and the tasks send AWS nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import jinja2
import pytest
from jinja2 import nodes

from tests.unit.roles.preflight_runs import results, run_play
from tests.unit.tasks import ROOT, Task, all_tasks
from tests.unit.test_settings_wired import Scope, text

ROLES = [
    path.name
    for path in sorted(ROOT.glob("roles/aws_*"))
    if f"{path.name}_resources" in text(f"roles/{path.name}/vars/main.yml")
]
ENVIRONMENTS = ("local", "staging", "production")
ELSEWHERE = {"table_order_region": "eu-north-1", "table_order_zones": ["eu-north-1b", "eu-north-1d"]}
# With these, the descriptions have all that they can have.
TURNED: dict[str, Any] = {
    "aws_security_permissions_boundary": "arn:aws:iam::123456789012:policy/boundary",
    "aws_cache_transit_encryption": True,
    "aws_monitoring_notification_email": "oncall@example.com",
}
TYPES = {
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::Role",
    "AWS::IAM::InstanceProfile",
    "AWS::SecretsManager::Secret",
    "AWS::S3::Bucket",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::EC2::KeyPair",
    "AWS::EC2::Instance",
    "AWS::EC2::EIP",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::CloudWatch::Alarm",
}
# A property, at any depth, that names another resource, and the type of that resource.
REFERENCES = {
    "VpcId": "AWS::EC2::VPC",
    "SubnetIds": "AWS::EC2::Subnet",
    "GatewayId": "AWS::EC2::InternetGateway",
    "SourceSecurityGroupId": "AWS::EC2::SecurityGroup",
    "Roles": "AWS::IAM::Role",
    "DBSubnetGroupName": "AWS::RDS::DBSubnetGroup",
    "DBParameterGroupName": "AWS::RDS::DBParameterGroup",
    "VPCSecurityGroups": "AWS::EC2::SecurityGroup",
    "CacheSubnetGroupName": "AWS::ElastiCache::SubnetGroup",
    "SecurityGroupIds": "AWS::EC2::SecurityGroup",
    "KeyName": "AWS::EC2::KeyPair",
    "SubnetId": "AWS::EC2::Subnet",
    "IamInstanceProfile": "AWS::IAM::InstanceProfile",
    "InstanceId": "AWS::EC2::Instance",
}

# -- What is described -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """The descriptions of all roles by environment, as a play sees them after the roles' preflights."""
    given = ELSEWHERE | {
        "ansible_connection": "local",
        "table_order_account_id": "123456789012",
        "aws_security_ssh_cidrs": ["203.0.113.7/32", "198.51.100.0/24"],
        "aws_compute_public_key_file": __file__,
    }
    hosts = {
        environment: text("inventories/shared/site.yml")
        | text(f"inventories/{environment}/group_vars/all/main.yml")
        | given
        | {"table_order_environment": environment, "table_order_cloud_name": environment}
        for environment in ENVIRONMENTS
    }
    check = {"name": "table_order.infra.{{ role }}", "tasks_from": "preflight", "public": True}
    shown = " + ".join(f"{role}_resources" for role in ROLES)
    tasks = [
        {
            "name": "Check the settings",
            "ansible.builtin.include_role": check,
            "loop": ROLES,
            "loop_control": {"loop_var": "role"},
        },
        {"name": "Show the descriptions", "ansible.builtin.debug": {"msg": f"{{{{ {shown} }}}}"}},
    ]
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    printed = run_play(tmp_path_factory.mktemp("descriptions"), play, {"all": {"hosts": hosts}})
    return {host: found[-1][1]["msg"] for host, found in results(printed, hosts).items()}


def described(role: str, **turned: Any) -> list[dict[str, Any]]:
    return Scope(role, **turned).see(f"{{{{ {role}_resources }}}}")


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Return each value with the name of the innermost key above it; an empty list or dictionary is a value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_description_is_data_about_one_resource(outside, environment):
    found = outside[environment]
    assert all(one.keys() - {"absent"} == {"type", "name", "properties"} for one in found)
    assert {one["absent"] for one in found if "absent" in one} <= {True}
    assert {one["type"] for one in found} == TYPES
    assert not [
        one for one, count in Counter((one["type"], one["name"]) for one in found).items() if count > 1
    ]
    # Undefined values would have failed the play; an omitted one would be left as a placeholder.
    assert not [leaf for leaf in leaves(found) if leaf[1] is None or "omit" in str(leaf[1])]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_reference_names_a_resource_that_is_described(outside, environment):
    found = outside[environment]
    there = {(one["type"], one["name"]) for one in found}
    referred = [(REFERENCES[key], value) for key, value in leaves(found) if key in REFERENCES]
    assert set(referred) <= there
    assert {key for key, _ in leaves(found)} >= REFERENCES.keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_environment_has_names_tags_and_a_place_of_its_own(outside, environment):
    shown = str(outside[environment])
    assert ("table-order-staging" in shown) == (environment == "staging")
    assert "ap-northeast-2" not in shown
    for one in outside[environment]:
        tags = one["properties"].get("Tags", {"Environment": environment, "Name": one["name"]})
        assert (tags["Environment"], tags["Name"]) == (environment, one["name"]), one


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_description_has_a_secrets_value(outside, environment):
    secrets = [one for one in outside[environment] if one["type"] == "AWS::SecretsManager::Secret"]
    assert all(one["properties"].keys() == {"Description", "ResourcePolicy", "Tags"} for one in secrets)
    assert not re.findall(r"'\w*(?:Password|AuthToken|SecretString|KeyMaterial)'", str(outside[environment]))


ABSENT = [
    ("aws_cache", {"aws_cache_transit_encryption": False}, ["table-order/cache/token"]),
    ("aws_cache", {"aws_cache_transit_encryption": True}, []),
    (
        "aws_monitoring",
        {"aws_monitoring_log_groups": ["nginx", "own"]},
        ["/aws/ec2/table-order/fastapi", "/aws/ec2/table-order/system"],
    ),
    ("aws_monitoring", {}, []),
]


@pytest.mark.parametrize(("role", "turned", "names"), ABSENT)
def test_what_a_setting_turns_off_is_described_as_absent(role, turned, names):
    assert [one["name"] for one in described(role, **turned) if one.get("absent")] == names


@pytest.mark.parametrize("role", ROLES)
def test_a_description_needs_the_settings_alone(role):
    """It is rendered outside the role and before the account is read."""
    variables, reached, new = text(f"roles/{role}/vars/main.yml"), set(), {f"{role}_resources"}
    while new:
        reached |= new
        used = {name for one in new for name in names(variables[one])}
        new = (used & variables.keys()) - reached
    given = {name for one in reached for name in names(variables[one])} - reached
    settings = (
        text("roles/table_order/defaults/main.yml").keys() | text(f"roles/{role}/defaults/main.yml").keys()
    )
    from_the_inventory = {"table_order_environment", "table_order_region", "table_order_account_id"}
    # A lookup is a name as well.
    assert given <= settings | from_the_inventory


# -- What the tasks send -----------------------------------------------------------------------------------

# Entry points of procedures: they take a resource from one state to another, and provisioning compares it afterwards.
PROCEDURES = {"scale.yml", "image.yml", "restore.yml"}
# Modules that keep no wanted state.
OTHERS = {
    "aws_cache_probe": "It reads the server.",
    "rds_instance_snapshot": "A snapshot is taken, not kept.",
}
# Options with a value from elsewhere, and why.
LOOKED_UP = "The id of a resource that an earlier task has found or created."
ELSEWHERE_FROM = {
    ("ec2_vpc_subnet", "vpc_id"): LOOKED_UP,
    ("ec2_vpc_igw", "vpc_id"): LOOKED_UP,
    ("ec2_vpc_igw", "internet_gateway_id"): LOOKED_UP,
    ("ec2_vpc_route_table", "vpc_id"): LOOKED_UP,
    ("ec2_vpc_route_table", "subnets"): LOOKED_UP,
    ("ec2_vpc_route_table", "routes.gateway_id"): LOOKED_UP,
    ("ec2_security_group", "vpc_id"): LOOKED_UP,
    ("iam_role", "create_instance_profile"): "A part of the module's work, not of the role.",
    ("iam_policy", "iam_type"): "The module's name for what it attaches a policy to.",
    ("iam_policy", "state"): "What is described is there.",
    ("secretsmanager_secret", "json_secret"): "No description has a secret's value.",
    ("secretsmanager_secret", "json_secret.token"): "No description has a secret's value.",
    ("secretsmanager_secret", "overwrite"): "A drawn value is for a new secret only.",
    ("rds_subnet_group", "state"): "What is described is there.",
    ("rds_subnet_group", "subnets"): LOOKED_UP,
    ("rds_instance_param_group", "state"): "What is described is there.",
    ("rds_instance_param_group", "immediate"): "When a change is made, not which.",
    ("rds_instance", "state"): "What is described is there.",
    ("rds_instance", "username"): "No description has a secret's value.",
    ("rds_instance", "password"): "No description has a secret's value.",
    ("rds_instance", "force_update_password"): "No description has a secret's value.",
    ("rds_instance", "vpc_security_group_ids"): LOOKED_UP,
    ("rds_instance", "apply_immediately"): "When a change is made, not which.",
    ("rds_instance", "wait"): "How long the task takes.",
    ("rds_storage", "apply_immediately"): "When a change is made, not which.",
    ("elasticache_subnet_group", "state"): "What is described is there.",
    ("elasticache_subnet_group", "subnets"): LOOKED_UP,
    ("elasticache_replication_group", "state"): "What is described is there.",
    ("elasticache_replication_group", "security_group_ids"): LOOKED_UP,
    ("elasticache_replication_group", "auth_token"): "No description has a secret's value.",
    ("elasticache_replication_group", "auth_token_update_strategy"): "A step to what is described.",
    ("elasticache_replication_group", "transit_encryption_mode"): "A step to what is described.",
    ("elasticache_replication_group", "apply_immediately"): "When a change is made, not which.",
    ("elasticache_replication_group", "wait"): "How long the task takes.",
    ("ec2_key", "key_material"): "Its file may be generated by the run.",
    ("ec2_key", "force"): "A registered key is never replaced.",
    ("ec2_launch_template", "template_name"): "It exists only while the server is created.",
    ("ec2_instance", "launch_template"): "It exists only while the server is created.",
    ("ec2_instance", "state"): "What is described is there.",
    ("ec2_instance", "filters"): "How the server is found.",
    ("ec2_instance", "image_id"): "Known after creation.",
    ("ec2_instance", "vpc_subnet_id"): LOOKED_UP,
    ("ec2_instance", "security_groups"): LOOKED_UP,
    ("ec2_instance", "volumes.device_name"): "The image names it.",
    ("ec2_instance", "tags"): "Also the host key's tag, which the server has after its creation.",
    ("ec2_instance", "wait"): "How long the task takes.",
    ("ec2_eip", "in_vpc"): "There are no others.",
    ("ec2_eip", "device_id"): LOOKED_UP,
    ("ec2_eip", "reuse_existing_ip_allowed"): "How the address is found.",
    ("ec2_eip", "tag_name"): "How the address is found.",
    ("ec2_eip", "allow_reassociation"): "An address moves to a new server.",
    ("ec2_instance_profile_association", "instance_id"): LOOKED_UP,
    ("ec2_instance_settings", "instance_id"): LOOKED_UP,
    ("sns_topic", "purge_subscriptions"): "Those of others stay.",
    ("cloudwatch_metric_alarm", "dimensions"): "The id of the server, which the description names.",
}
# Described properties that no task reads, since it sends the id of what they name.
BY_ID = {"VpcId", "SubnetId", "SubnetIds", "SecurityGroupIds", "VPCSecurityGroups", "InstanceId", "ImageId"}
# Filters that give another form to what is described; their parameters are names of the form, or ids.
FORMS = {"list", "items2dict", "table_order.infra.aws_security_rules"}
# Filters that choose from a list of descriptions.
CHOICES = {"selectattr", "rejectattr"}
ENVIRONMENT = jinja2.Environment(autoescape=False)  # noqa: S701 - read, never rendered


def sending() -> list[Task]:
    """Return the tasks that bring AWS to the description."""
    return [
        task
        for task in all_tasks()
        if task.role in ROLES
        and not task.path.rpartition("/")[2].startswith("absent")
        and task.path.rpartition("/")[2] not in PROCEDURES
        and re.match(r"(amazon|community)\.aws\.|table_order\.infra\.", task.module)
        and not task.module.endswith("_info")
        and task.arguments.get("state") != "absent"
        and task.module.rpartition(".")[2] not in OTHERS
    ]


def wanted(role: str) -> set[str]:
    """Return the variables of the role's descriptions."""
    return {name for name in text(f"roles/{role}/vars/main.yml") if name.endswith("_wanted")}


def used(template: Any, forms: Collection[str] = ()) -> nodes.Template:
    """Return the tree of a template. With ``forms``: only what gives it a value, without the parameters of these filters."""
    tree = ENVIRONMENT.parse(str(template))
    if not forms:
        return tree
    for node in tree.find_all(nodes.Filter):
        if node.name in forms:
            node.args, node.kwargs = [], []
    # What decides whether an option is sent is no value of it, and neither are the names of options.
    for node in tree.find_all(nodes.CondExpr):
        node.test = node.expr1
    for node in tree.find_all(nodes.Pair):
        node.key = node.value
    return tree


def names(value: Any, forms: Collection[str] = ()) -> set[str]:
    """Return the names that the templates in a value take from outside themselves."""
    found: set[str] = set()
    for _, leaf in leaves(value):
        named = list(used(leaf, forms).find_all(nodes.Name))
        found |= {node.name for node in named} - {node.name for node in named if node.ctx == "store"}
    return found


def from_description(task: Task) -> dict[str, str]:
    """Return the names in a task that are nothing but described, each with its source: variables, and that of a loop over them."""
    found = {name: name for name in wanted(task.role)}
    loop = task.keywords.get("loop")
    if isinstance(loop, str) and names(loop, CHOICES) <= found.keys():
        found[task.keywords.get("loop_control", {}).get("loop_var", "item")] = loop.strip("{} ")
    return found


def is_described(value: Any, known: Collection[str]) -> bool:
    """Tell whether an option's value is one expression with a description in it, and with nothing beside."""
    tree = used(value, FORMS)
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output) or len(tree.body[0].nodes) != 1:
        return False
    named, places = names(value, FORMS), {id(node.arg) for node in tree.find_all(nodes.Getitem)}
    return (
        bool(named & set(known))
        and named <= {*known, "omit"}
        and {id(node) for node in tree.find_all(nodes.Const)} <= places
        and {node.name for node in tree.find_all(nodes.Filter)} <= {*FORMS, "default"}
    )


def options(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Return the options of a module with their values, those of dictionaries below them with dots."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from options(inner, f"{name}.{key}".removeprefix("."))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from options(inner, name)
    else:
        yield name, value


def test_no_option_has_a_value_from_outside_the_description():
    found, used = [], set()
    for task in sending():
        module, known = task.module.rpartition(".")[2], from_description(task)
        for name, value in options(task.arguments):
            if (module, name) in ELSEWHERE_FROM:
                used.add((module, name))
            elif not is_described(value, known):
                found.append(f"{task}: {name} is {value!r}")
    assert found == []
    assert used == ELSEWHERE_FROM.keys()


@pytest.mark.parametrize("role", ROLES)
def test_each_variable_of_a_description_is_part_of_it(role):
    variables = text(f"roles/{role}/vars/main.yml")
    assert names(variables[f"{role}_resources"]) & {*variables} == wanted(role)


@pytest.mark.parametrize("role", ROLES)
def test_each_described_property_is_sent(role):
    """A property that no task sends would be a difference that no run corrects."""
    scope, types, read = Scope(role, **TURNED), {}, set()
    for task in (one for one in all_tasks() if one.role == role):
        said = str((task.arguments, task.keywords))
        for name, source in from_description(task).items():
            properties = set(re.findall(rf"\b{name}\.properties\.(\w+)", said))
            if properties and source not in types:
                shown = scope.see(f"{{{{ {source} }}}}")
                types[source] = {one.get("type") for one in (shown if isinstance(shown, list) else [shown])}
            read |= {(type_, one) for one in properties for type_ in types[source]}
    missing = {
        (one["type"], name)
        for one in described(role, **TURNED)
        for name in one["properties"]
        if name not in BY_ID and (one["type"], name) not in read
    }
    assert missing == set()
