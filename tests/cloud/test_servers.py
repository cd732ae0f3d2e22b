"""A server is a machine that one can reach, stop, start and address."""

import json
import urllib.request

import pytest

from local_cloud.shims.ec2 import DEBIAN_AMI
from tests.cloud.conftest import VPC_RANGE, podman, wait_for


@pytest.fixture(scope="module")
def ec2(cloud):
    return cloud.client("ec2")


@pytest.fixture(scope="module")
def describe(ec2):
    return lambda one: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]


@pytest.fixture(scope="module")
def status(ec2):
    def ask(one):
        found = ec2.describe_instance_status(InstanceIds=[one])["InstanceStatuses"]
        return found[0]["InstanceStatus"]["Status"] if found else None

    return ask


@pytest.fixture(scope="module")
def server(cloud, ec2, vpc, key, status):
    """A running server with an instance profile; its id."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="server", AssumeRolePolicyDocument=document)
    iam.create_instance_profile(InstanceProfileName="server")
    iam.add_role_to_instance_profile(InstanceProfileName="server", RoleName="server")
    launched = ec2.run_instances(
        ImageId=DEBIAN_AMI,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.medium",
        KeyName="test",
        SubnetId=vpc["public"],
        SecurityGroupIds=[vpc["group"]],
        IamInstanceProfile={"Name": "server"},
        UserData="#!/bin/sh\necho once >> /root/user-data\n",
    )["Instances"][0]
    assert launched["State"]["Name"] == "pending"
    one = launched["InstanceId"]
    wait_for(lambda: status(one) == "ok")
    return one


def test_server_is_reached_through_its_public_address(server, describe, ssh):
    shown = describe(server)
    assert shown["PublicIpAddress"].startswith("127.0.56.")
    name = shown["PrivateDnsName"].partition(".")[0]
    assert ssh(shown["PublicIpAddress"], "hostname; whoami; sudo id -u") == f"{name}\nadmin\n0"
    assert shown["PrivateIpAddress"] in ssh(shown["PublicIpAddress"], "ip -brief address show")


def test_server_knows_where_the_cloud_is(server, describe, ssh):
    address = describe(server)["PublicIpAddress"]
    expected = "AWS_ENDPOINT_URL=http://10.56.0.1:5056"
    assert expected in ssh(address, "env")
    assert expected in ssh(address, "sudo env")
    assert expected in ssh(address, "systemctl show-environment")
    assert '"name": "cloud-test"' in ssh(address, "curl -s $AWS_ENDPOINT_URL/local-cloud/health")


def test_metadata_credentials_are_accepted_by_the_api(server, describe, ssh):
    script = """
        at=http://169.254.169.254/latest
        token=$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $at/api/token)
        get() { curl -sS -H "X-aws-ec2-metadata-token: $token" $at/meta-data/$1; }
        get iam/security-credentials/server > credentials
        field() { sed -n "s/.*\\"$1\\": \\"\\(.*\\)\\".*/\\1/p" credentials; }
        get instance-id; echo
        curl -s -o /dev/null -w '%{http_code}\\n' $at/meta-data/
        curl -sS --aws-sigv4 aws:amz:ap-northeast-2:sts --user "$(field AccessKeyId):$(field SecretAccessKey)" \
            -H "x-amz-security-token: $(field Token)" -d 'Action=GetCallerIdentity&Version=2011-06-15' \
            $AWS_ENDPOINT_URL
    """
    printed = ssh(describe(server)["PublicIpAddress"], script)
    assert printed.startswith(f"{server}\n401\n")
    assert f":assumed-role/server/{server}</Arn>" in printed


def test_server_reads_the_secrets_of_its_role_and_no_others(cloud, server, describe, ssh):
    secrets, iam = cloud.client("secretsmanager"), cloud.client("iam")
    for name in ("table-order/rds/master", "table-order/app/database"):
        secrets.create_secret(Name=name, SecretString=f"this is {name}")
    statement = {
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "arn:aws:secretsmanager:*:*:secret:table-order/app/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="server", PolicyName="secrets", PolicyDocument=document)
    # With the key that the operator has here: a server is known by its address.
    script = """
        for name in table-order/rds/master table-order/app/database; do
            curl -sS --aws-sigv4 aws:amz:ap-northeast-2:secretsmanager --user test:test \
                -H 'X-Amz-Target: secretsmanager.GetSecretValue' -H 'Content-Type: application/x-amz-json-1.1' \
                -d "{\\"SecretId\\": \\"$name\\"}" $AWS_ENDPOINT_URL; echo
        done
    """
    master, database = ssh(describe(server)["PublicIpAddress"], script).splitlines()
    assert "AccessDeniedException" in master
    assert "this is" not in master
    assert "this is table-order/app/database" in database


def test_root_reads_the_environment_of_another_users_process(server, describe, ssh):
    address = describe(server)["PublicIpAddress"]
    ssh(address, "sudo systemd-run --uid=nobody --setenv=SEEN=yes --unit=seen sleep 60")
    read = "sudo cat /proc/$(systemctl show --property=MainPID --value seen)/environ"
    assert "SEEN=yes" in ssh(address, read).split("\0")


def test_elastic_ip_is_followed_and_survives_stop_and_start(ec2, server, describe, status, ssh):
    automatic = describe(server)["PublicIpAddress"]
    allocated = ec2.allocate_address(Domain="vpc")
    association = ec2.associate_address(InstanceId=server, AllocationId=allocated["AllocationId"])
    assert ssh(allocated["PublicIp"], "echo there") == "there"
    assert ssh(automatic, "echo there") != "there"

    ec2.stop_instances(InstanceIds=[server])
    wait_for(lambda: describe(server)["State"]["Name"] == "stopped")
    assert ssh(allocated["PublicIp"], "echo there") != "there"
    ec2.start_instances(InstanceIds=[server])
    wait_for(lambda: status(server) == "ok")
    assert describe(server)["PublicIpAddress"] == allocated["PublicIp"]
    # The disk is the same, and the user data ran at the first boot only.
    assert ssh(allocated["PublicIp"], "sudo cat /root/user-data") == "once"

    ec2.disassociate_address(AssociationId=association["AssociationId"])
    assert ssh(allocated["PublicIp"], "echo there") != "there"
    assert ssh(describe(server)["PublicIpAddress"], "echo there") == "there"
    ec2.release_address(AllocationId=allocated["AllocationId"])


def test_reboot_restarts_the_machine(ec2, server, describe, status, ssh):
    address = describe(server)["PublicIpAddress"]
    before = ssh(address, "stat --format %Y /proc/1")
    ec2.reboot_instances(InstanceIds=[server])
    assert status(server) == "initializing"
    wait_for(lambda: status(server) == "ok")
    assert ssh(address, "stat --format %Y /proc/1") > before


def test_server_that_reboots_itself_comes_back(server, describe, status, ssh):
    address = describe(server)["PublicIpAddress"]
    before = ssh(address, "stat --format %Y /proc/1")
    ssh(address, "sudo systemctl --no-block reboot")
    wait_for(lambda: status(server) == "initializing")
    wait_for(lambda: status(server) == "ok")
    assert ssh(address, "stat --format %Y /proc/1") > before
    assert describe(server)["State"]["Name"] == "running"


def test_image_carries_the_file_system_to_servers_and_back(ec2, vpc, server, describe, status, ssh):
    def text(one, what="cat state"):
        return ssh(describe(one)["PublicIpAddress"], what)

    def made():
        return ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"

    keys = text(server, "cat /etc/ssh/ssh_host_ed25519_key.pub")
    text(server, "echo then > state; sudo sync")
    image = ec2.create_image(InstanceId=server, Name="then", NoReboot=True)["ImageId"]
    wait_for(made)
    text(server, "echo now > state")

    other = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.medium",
        KeyName="test",
        SubnetId=vpc["public"],
        SecurityGroupIds=[vpc["group"]],
    )["Instances"][0]["InstanceId"]
    wait_for(lambda: status(other) == "ok")
    assert (text(other), text(server)) == ("then", "now")
    assert text(other, "cat /etc/ssh/ssh_host_ed25519_key.pub") != keys
    ec2.terminate_instances(InstanceIds=[other])

    task = ec2.create_replace_root_volume_task(InstanceId=server, ImageId=image)["ReplaceRootVolumeTask"]
    ids = [task["ReplaceRootVolumeTaskId"]]

    def replaced():
        (one,) = ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=ids)[
            "ReplaceRootVolumeTasks"
        ]
        return one["TaskState"] == "succeeded"

    wait_for(replaced)
    assert text(server) == "then"
    assert text(server, "cat /etc/ssh/ssh_host_ed25519_key.pub") == keys
    assert text(server, "sudo cat /root/user-data") == "once"
    ec2.deregister_image(ImageId=image)


def test_gateway_keeps_its_hardware_address(server, describe, ssh):
    neighbours = ssh(describe(server)["PublicIpAddress"], "ip neighbour show 10.56.0.1")
    assert "lladdr 02:00:0a:38:00:01" in neighbours


def test_a_second_vpc_of_the_same_range_has_no_network_of_this_machine(cloud, ec2, server):
    """AWS allows it; the address of a server in it would be that of another one here."""
    before = podman("network", "ls", "--format", "{{.Name}}")
    other = ec2.create_vpc(CidrBlock=VPC_RANGE)["Vpc"]["VpcId"]
    assert podman("network", "ls", "--format", "{{.Name}}") == before
    ec2.delete_vpc(VpcId=other)
    assert podman("network", "ls", "--format", "{{.Name}}") == before


def test_image_that_cannot_run_here_is_refused_by_name(cloud, ec2, vpc):
    parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    image = cloud.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    with pytest.raises(ec2.exceptions.ClientError, match=f"cannot run the image {image}. It can run"):
        ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.medium", SubnetId=vpc["public"]
        )


def test_delay_holds_the_status_checks_back(cloud, ec2, vpc, status, describe):
    def delay(seconds):
        body = json.dumps({"server": seconds}).encode()
        call = urllib.request.Request(f"{cloud.url}/local-cloud/delays", data=body, method="PUT")
        urllib.request.urlopen(call, timeout=5).close()

    delay(600)
    one = ec2.run_instances(
        ImageId=DEBIAN_AMI, MinCount=1, MaxCount=1, InstanceType="t3.medium", SubnetId=vpc["public"]
    )["Instances"][0]["InstanceId"]
    wait_for(lambda: describe(one)["State"]["Name"] == "running")
    assert status(one) == "initializing"
    delay(0)
    # The cloud must stop at once although this one is still being waited for: see the end of the session.
    assert status(one) == "initializing"


def test_terminated_server_is_gone(ec2, server, describe, ssh):
    address = describe(server)["PublicIpAddress"]
    ec2.terminate_instances(InstanceIds=[server])
    wait_for(lambda: describe(server)["State"]["Name"] == "terminated")
    assert ssh(address, "echo there") != "there"
