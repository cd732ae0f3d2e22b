"""EC2 as AWS has it, where moto differs."""

import types

import pytest
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends

from local_cloud.containers import ContainerError
from local_cloud.instances import MACHINE_IMAGES, Instances
from local_cloud.machine_files import machine_files
from local_cloud.shims.ec2 import DEBIAN_AMI, DEBIAN_OWNER, DEBIAN_PARAMETER
from tests.unit.local_cloud.conftest import REGION


@pytest.fixture
def run(ec2, vpc):
    """Launch an instance; returns its id."""
    ids = []

    def launch(**arguments):
        defaults = {"ImageId": DEBIAN_AMI, "InstanceType": "t3.medium", "SubnetId": vpc["a"]}
        instance = ec2.run_instances(MinCount=1, MaxCount=1, **defaults | arguments)["Instances"][0]
        ids.append(instance["InstanceId"])
        return instance["InstanceId"]

    yield launch
    if ids:
        ec2.terminate_instances(InstanceIds=ids)


@pytest.fixture
def describe(ec2):
    return lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]


@pytest.fixture
def elastic_ip(ec2):
    allocated = ec2.allocate_address(Domain="vpc")
    yield allocated
    ec2.release_address(AllocationId=allocated["AllocationId"])


def test_debian_image_is_found_through_its_parameter(client, ec2):
    value = client("ssm").get_parameter(Name=DEBIAN_PARAMETER)["Parameter"]["Value"]
    (image,) = ec2.describe_images(ImageIds=[value], Owners=[DEBIAN_OWNER])["Images"]
    assert image["RootDeviceName"] == "/dev/xvda"


@pytest.mark.parametrize(
    ("argument", "value", "code"),
    [
        ("InstanceType", "t9.huge", "InvalidInstanceType"),
        ("KeyName", "missing", "InvalidKeyPair.NotFound"),
        ("ImageId", "ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
    ],
)
def test_unknown_things_are_refused(ec2, refused, vpc, argument, value, code):
    arguments = {"ImageId": DEBIAN_AMI, "InstanceType": "t3.medium", "SubnetId": vpc["a"], argument: value}
    assert code in refused(ec2.run_instances, MinCount=1, MaxCount=1, **arguments)


def test_elastic_ip_survives_stop_and_start(ec2, run, describe, elastic_ip):
    one = run()
    ec2.associate_address(InstanceId=one, AllocationId=elastic_ip["AllocationId"])
    ec2.stop_instances(InstanceIds=[one])
    assert describe(one)["PublicIpAddress"] == elastic_ip["PublicIp"]
    ec2.start_instances(InstanceIds=[one])
    assert describe(one)["PublicIpAddress"] == elastic_ip["PublicIp"]


def test_automatic_address_is_given_back_when_stopped(ec2, run, describe):
    one = run()
    assert describe(one)["PublicIpAddress"]
    ec2.stop_instances(InstanceIds=[one])
    assert "PublicIpAddress" not in describe(one)


def test_disassociated_instance_gets_an_automatic_address(ec2, run, describe, elastic_ip):
    one = run()
    association = ec2.associate_address(InstanceId=one, AllocationId=elastic_ip["AllocationId"])
    ec2.disassociate_address(AssociationId=association["AssociationId"])
    assert describe(one)["PublicIpAddress"] != elastic_ip["PublicIp"]


def test_moved_elastic_ip_is_gone_from_where_it_was(ec2, run, describe, elastic_ip):
    first, second = run(), run()
    allocation = elastic_ip["AllocationId"]
    ec2.associate_address(InstanceId=first, AllocationId=allocation)
    ec2.associate_address(InstanceId=second, AllocationId=allocation, AllowReassociation=True)
    assert describe(first).get("PublicIpAddress") != elastic_ip["PublicIp"]
    assert describe(second)["PublicIpAddress"] == elastic_ip["PublicIp"]


def test_terminated_instance_frees_its_elastic_ip(ec2, run, elastic_ip):
    one = run()
    ec2.associate_address(InstanceId=one, AllocationId=elastic_ip["AllocationId"])
    ec2.terminate_instances(InstanceIds=[one])
    (address,) = ec2.describe_addresses(AllocationIds=[elastic_ip["AllocationId"]])["Addresses"]
    assert not address.get("InstanceId")
    assert not address.get("AssociationId")


def volumes(ec2, instance):
    found = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])
    return {volume["Attachments"][0]["Device"]: volume for volume in found["Volumes"]}


def test_root_volume_is_at_the_images_root_device(ec2, run):
    assert set(volumes(ec2, run())) == {"/dev/xvda"}


def test_mapping_of_another_device_leaves_the_root_small(ec2, run):
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3"}}
    found = volumes(ec2, run(BlockDeviceMappings=[mapping]))
    assert (found["/dev/xvda"]["Size"], found["/dev/sda1"]["Size"]) == (8, 30)


def test_gp3_has_its_baseline(ec2, run):
    volume = volumes(ec2, run())["/dev/xvda"]
    assert (volume["VolumeType"], volume["Iops"], volume["Throughput"]) == ("gp3", 3000, 125)


def test_detailed_monitoring_can_be_switched(ec2, run, describe):
    one = run()
    ec2.monitor_instances(InstanceIds=[one])
    assert describe(one)["Monitoring"]["State"] == "enabled"
    ec2.unmonitor_instances(InstanceIds=[one])
    assert describe(one)["Monitoring"]["State"] == "disabled"


def test_cpu_credits_can_be_changed(ec2, run):
    one, other = run(), run()
    ec2.modify_instance_credit_specification(
        InstanceCreditSpecifications=[{"InstanceId": one, "CpuCredits": "unlimited"}]
    )
    found = ec2.describe_instance_credit_specifications(InstanceIds=[one, other])
    credits = {each["InstanceId"]: each["CpuCredits"] for each in found["InstanceCreditSpecifications"]}
    assert credits == {one: "unlimited", other: "standard"}


def test_metadata_needs_tokens_unless_told_otherwise(run, describe):
    assert describe(run())["MetadataOptions"]["HttpTokens"] == "required"
    assert (
        describe(run(MetadataOptions={"HttpTokens": "optional"}))["MetadataOptions"]["HttpTokens"]
        == "optional"
    )


def test_running_instance_cannot_be_resized(ec2, refused, run, describe):
    one = run()
    wanted = {"InstanceId": one, "InstanceType": {"Value": "t3.large"}}
    assert "IncorrectInstanceState" in refused(ec2.modify_instance_attribute, **wanted)
    ec2.stop_instances(InstanceIds=[one])
    ec2.modify_instance_attribute(**wanted)
    assert describe(one)["InstanceType"] == "t3.large"


def test_terminated_instance_cannot_be_started(ec2, refused, run):
    one = run()
    ec2.terminate_instances(InstanceIds=[one])
    assert "IncorrectInstanceState" in refused(ec2.start_instances, InstanceIds=[one])


@pytest.mark.parametrize(
    ("name", "description"),
    [("web", "\ud55c\uae00"), ("web", "it's"), ("sg-web", "fine"), ("w\u00e9b", "fine")],
)
def test_text_of_a_security_group_is_checked(ec2, refused, vpc, name, description):
    answer = refused(ec2.create_security_group, GroupName=name, Description=description, VpcId=vpc["vpc"])
    assert answer.startswith("InvalidParameterValue")


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_text_of_a_rule_is_checked(ec2, refused, vpc, direction):
    ranges = [{"CidrIp": "192.0.2.1/32", "Description": "home > office"}]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}
    call = getattr(ec2, f"authorize_security_group_{direction}")
    assert "Invalid rule description" in refused(call, GroupId=vpc["group"], IpPermissions=[rule])


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_description_of_a_rule_can_be_changed(ec2, vpc, direction):
    group = ec2.create_security_group(GroupName=f"d-{direction}", Description="d", VpcId=vpc["vpc"])[
        "GroupId"
    ]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
    getattr(ec2, f"authorize_security_group_{direction}")(GroupId=group, IpPermissions=[rule])
    rule["IpRanges"][0]["Description"] = "new"
    update = getattr(ec2, f"update_security_group_rule_descriptions_{direction}")
    assert update(GroupId=group, IpPermissions=[rule])["Return"] is True


def test_group_named_by_another_groups_rule_stays(ec2, refused, vpc):
    make = {"Description": "d", "VpcId": vpc["vpc"]}
    named = ec2.create_security_group(GroupName="named", **make)["GroupId"]
    other = ec2.create_security_group(GroupName="other", **make)["GroupId"]
    pair = [{"GroupId": named}]
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": pair}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    assert "DependencyViolation" in refused(ec2.delete_security_group, GroupId=named)
    ec2.delete_security_group(GroupId=other)
    ec2.delete_security_group(GroupId=named)


def test_used_subnet_and_group_stay(ec2, refused, run, vpc):
    run(SecurityGroupIds=[vpc["group"]])
    assert "DependencyViolation" in refused(ec2.delete_subnet, SubnetId=vpc["a"])
    assert "DependencyViolation" in refused(ec2.delete_security_group, GroupId=vpc["group"])


def test_vpc_with_a_gateway_or_a_group_stays(ec2, refused):
    vpc_id = ec2.create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    assert "DependencyViolation" in refused(ec2.delete_vpc, VpcId=vpc_id)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc_id)["GroupId"]
    assert "DependencyViolation" in refused(ec2.delete_vpc, VpcId=vpc_id)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc_id)


def test_route_to_the_vpcs_own_range_is_refused(ec2, refused, vpc):
    table = ec2.create_route_table(VpcId=vpc["vpc"])["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc["vpc"])
    wanted = {"RouteTableId": table, "GatewayId": gateway}
    assert "InvalidParameterValue" in refused(ec2.create_route, DestinationCidrBlock="10.99.0.0/16", **wanted)
    ec2.create_route(DestinationCidrBlock="0.0.0.0/0", **wanted)


def test_tags_of_an_elastic_ip_have_its_type(ec2, elastic_ip):
    allocation = elastic_ip["AllocationId"]
    ec2.create_tags(Resources=[allocation], Tags=[{"Key": "Name", "Value": "server"}])
    (tag,) = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [allocation]}])["Tags"]
    assert tag["ResourceType"] == "elastic-ip"


class Images:
    """Stands where podman would be: a machine with these container images."""

    def __init__(self, *names):
        self.names = names

    def call(self, *arguments):
        assert arguments[:2] == ("image", "exists")
        if arguments[2] not in self.names:
            raise ContainerError("podman image: not there")


AMAZON, DEBIAN = "localhost/table-order/al2023-lookalike:latest", "localhost/table-order/debian12-host:latest"


def machine_image(ec2_backend, ami, *images):
    cloud = types.SimpleNamespace(podman=Images(*images))
    return Instances.image(types.SimpleNamespace(cloud=cloud, own={}), ec2_backend, ami)


@pytest.fixture
def backend(ec2):
    ec2.describe_images(ImageIds=[DEBIAN_AMI])
    return ec2_backends["123456789012"][REGION]


@pytest.mark.parametrize(("number", "tag", "user"), [(0, DEBIAN, "admin"), (1, AMAZON, "ec2-user")])
def test_the_images_of_the_parameters_can_be_run(client, backend, number, tag, user):
    ami = client("ssm").get_parameter(Name=MACHINE_IMAGES[number].parameter)["Parameter"]["Value"]
    image = machine_image(backend, ami, AMAZON, DEBIAN)
    assert (image.tag, image.user) == (tag, user)
    with pytest.raises(EC2ClientError, match=f"images/build {image.image}"):
        machine_image(backend, ami)


def test_another_image_is_refused_with_what_can_be_run(ec2, backend):
    (ubuntu,) = [one["ImageId"] for one in ec2.describe_images(Owners=["099720109477"])["Images"]][:1]
    for ami in (ubuntu, "ami-0123456789abcdef0"):
        with pytest.raises(EC2ClientError, match="ami-amazon-linux-latest"):
            machine_image(backend, ami, AMAZON, DEBIAN)


@pytest.mark.parametrize("user", ["admin", "ec2-user"])
def test_the_key_is_for_the_user_of_the_image(user):
    key = types.SimpleNamespace(public_key="ssh-ed25519 AAAA")
    pairs = types.SimpleNamespace(key_pairs={"key": key})
    instance = types.SimpleNamespace(id="i-1", ec2_backend=pairs, key_name="key", user_data=None)
    paths = [file.path for file in machine_files(instance, user, "http://10.0.0.1:5000")]
    assert f"/home/{user}/.ssh/authorized_keys" in paths
