"""EC2 and the public SSM parameters that name machine images."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import moto.settings
from moto.core.responses import ActionResult
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.iam_instance_profile import (
    IamInstanceProfileAssociation,
    IamInstanceProfileAssociationBackend,
)
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance, MetadataOptions
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE
from moto.ssm.models import Parameter, ParameterDict

from local_cloud.patching import Original, around
from local_cloud.shims import capacity

DEBIAN_AMI = "ami-0deb1200000000001"
DEBIAN_OWNER = "136693071363"
DEBIAN_PARAMETER = "/aws/service/debian/release/12/latest/amd64"

# AWS: an unknown instance type, key pair or image is an error.
moto.settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True
moto.settings.ENABLE_KEYPAIR_VALIDATION = True
moto.settings.ENABLE_AMI_VALIDATION = True


# AWS: Debian publishes its images under its own account, with /dev/xvda as the root device.
@around(AmiBackend, "_load_amis")
def add_debian_image(original: Original, backend: EC2Backend) -> None:
    """Register Debian 12 beside moto's images."""
    original(backend)
    backend.amis[DEBIAN_AMI] = Ami(
        backend,
        ami_id=DEBIAN_AMI,
        name="debian-12-amd64-20261115-2000",
        description="Debian 12 (20261115-2000)",
        owner_id=DEBIAN_OWNER,
        owner_alias=None,
        public=True,
        virtualization_type="hvm",
        architecture="x86_64",
        hypervisor="xen",
        root_device_type="ebs",
        root_device_name="/dev/xvda",
        image_location=f"{DEBIAN_OWNER}/debian-12-amd64-20261115-2000",
    )


# AWS: Debian's latest image is found through a public SSM parameter.
@around(ParameterDict, "_check_loading_status")
def add_debian_parameter(original: Original, parameters: ParameterDict, key: str) -> None:
    """Load Debian's parameter as soon as one below its path is asked for."""
    original(parameters, key)
    missing = not dict.__contains__(parameters, DEBIAN_PARAMETER)
    if str(key or "").startswith("/aws/service/debian/") and missing:
        dict.__setitem__(
            parameters,
            DEBIAN_PARAMETER,
            [
                Parameter(
                    account_id=parameters.account_id,
                    name=DEBIAN_PARAMETER,
                    value=DEBIAN_AMI,
                    parameter_type="String",
                    description=None,
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=1763164800,
                    version=1,
                    data_type="aws:ec2:image",
                )
            ],
        )


# AWS: an instance keeps its Elastic IP when it is stopped; only an automatic address is released.
@around(NetworkInterface, "stop")
def keep_elastic_ip_when_stopped(original: Original, interface: NetworkInterface) -> None:
    """Release the public address unless it is an Elastic IP."""
    if not _elastic_ip(interface):
        original(interface)


# AWS: an instance that has an Elastic IP gets no automatic address when it starts again.
@around(NetworkInterface, "check_auto_public_ip")
def keep_elastic_ip_when_started(original: Original, interface: NetworkInterface) -> None:
    """Assign an automatic address unless there is an Elastic IP."""
    if not _elastic_ip(interface):
        original(interface)


def _elastic_ip(interface: NetworkInterface) -> object:
    return next((eip for eip in interface.ec2_backend.addresses if eip.eni is interface), None)


# AWS: disassociating an address lets the interface have an automatic one again.
@around(EC2Backend, "disassociate_address")
def free_interface_first(
    original: Original,
    backend: EC2Backend,
    address: str | None = None,
    association_id: str | None = None,
) -> None:
    """Release the interface before moto checks whether it needs an automatic address."""
    found = backend.address_by_ip([address]) if address else backend.address_by_association([association_id])
    interface = found[0].eni
    found[0].eni = None
    original(backend, address, association_id)
    if interface:
        interface.public_ip = None
        if interface.instance and interface.instance.state == "running":
            interface.check_auto_public_ip()


# AWS: an Elastic IP that moves leaves its old interface.
@around(EC2Backend, "associate_address")
def leave_previous_interface(
    original: Original, backend: EC2Backend, *args: object, **kwargs: object
) -> object:
    """Take the address away from an interface that lost it."""
    owners = {eip.allocation_id: eip.eni for eip in backend.addresses if eip.eni}
    address = original(backend, *args, **kwargs)
    previous = owners.get(address.allocation_id)
    if previous and previous is not address.eni:
        previous.public_ip = None
    return address


# AWS: a terminated instance has no Elastic IP any more; the address stays allocated.
@around(Instance, "terminate")
def release_elastic_ip(original: Original, instance: Instance) -> object:
    """Disassociate the instance's Elastic IPs, then terminate."""
    for address in list(instance.ec2_backend.addresses):
        if address.instance is instance or (address.eni and address.eni.instance is instance):
            instance._state.name = "shutting-down"  # or it would get an automatic address in exchange
            instance.ec2_backend.disassociate_address(address=address.public_ip)
            instance._state.name = "running"
    return original(instance)


# AWS: the root volume of an instance is at its image's root device, whatever the request lists.
@around(Instance, "setup_defaults")
def default_root_volume(_original: Original, instance: Instance) -> None:
    """Attach the image's own root volume, 8 GiB for a public one."""
    _attach_root(instance)


@around(EC2Backend, "run_instances")
def complete_root_volume(
    original: Original, backend: EC2Backend, image_id: str, *args: object, **kwargs: object
) -> object:
    """Attach the root volume that the request's mappings do not describe."""
    reservation = original(backend, image_id, *args, **kwargs)
    for instance in reservation.instances:
        if instance.root_device_name not in instance.block_device_mapping:
            _attach_root(instance)
    return reservation


def _attach_root(instance: Instance) -> None:
    image = instance.ec2_backend.amis.get(instance.image_id)
    own = {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in getattr(image, "mappings", [])}
    size = own.get(instance.root_device_name, 8)
    volume = instance.ec2_backend.create_volume(
        size=size, zone_name=instance.placement.zone, volume_type="gp3"
    )
    instance.ec2_backend.attach_volume(volume.id, instance.id, instance.root_device_name, True)


# AWS: a gp3 volume has 3000 IOPS and 125 MiB/s unless told otherwise.
@around(EC2Backend, "create_volume")
def gp3_baseline(original: Original, backend: EC2Backend, *args: object, **kwargs: object) -> object:
    """Fill in gp3's baseline performance."""
    volume = original(backend, *args, **kwargs)
    if volume.volume_type == "gp3":
        volume.iops = volume.iops or 3000
        volume.throughput = volume.throughput or 125
    return volume


# AWS: MonitorInstances and UnmonitorInstances switch detailed monitoring (moto: 500).
def _switch_monitoring(state: str) -> object:
    def respond(response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        instances = response.ec2_backend.get_multi_instances_by_id(response._get_param("InstanceIds", []))
        for instance in instances:
            instance.monitoring_state = state
        return ActionResult(
            {
                "InstanceMonitorings": [
                    {"InstanceId": one.id, "Monitoring": {"State": state}} for one in instances
                ]
            }
        )

    return respond


EC2Response.monitor_instances = _switch_monitoring("enabled")
EC2Response.unmonitor_instances = _switch_monitoring("disabled")


# AWS: ModifyInstanceCreditSpecification changes what a server's bursts may cost (moto: 500, and always "standard").
def modify_instance_credit_specification(response: EC2Response) -> ActionResult:
    """ModifyInstanceCreditSpecification."""
    done = []
    for one in response._get_param("InstanceCreditSpecifications", []):
        response.ec2_backend.get_instance(one["InstanceId"]).cpu_credits = one["CpuCredits"]
        done.append({"InstanceId": one["InstanceId"]})
    return ActionResult(
        {
            "SuccessfulInstanceCreditSpecifications": done,
            "UnsuccessfulInstanceCreditSpecifications": [],
        }
    )


EC2Response.modify_instance_credit_specification = modify_instance_credit_specification


@around(EC2Response, "describe_instance_credit_specifications")
def show_changed_credits(original: Original, response: EC2Response) -> ActionResult:
    """Show what was changed, "standard" before."""
    answer = original(response)
    for one in answer.result["InstanceCreditSpecifications"]:
        instance = response.ec2_backend.get_instance(one["InstanceId"])
        one["CpuCredits"] = getattr(instance, "cpu_credits", one["CpuCredits"])
    return answer


# AWS: Amazon Linux 2023's and Debian 12's images require IMDSv2 unless the request says otherwise.
@around(MetadataOptions, "__init__")
def require_tokens(
    original: Original, options: MetadataOptions, values: dict[str, Any] | None = None
) -> None:
    """Default to required tokens and two hops, as AWS does for such images."""
    given = {name: value for name, value in (values or {}).items() if value is not None}
    original(options, {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, **given})


# AWS: UpdateSecurityGroupRuleDescriptions* answer Return: true (moto: nothing).
def _confirm(original: Original, response: EC2Response) -> ActionResult:
    original(response)
    return ActionResult({"Return": True})


around(EC2Response, "update_security_group_rule_descriptions_ingress")(_confirm)
around(EC2Response, "update_security_group_rule_descriptions_egress")(_confirm)


# AWS: tags of an Elastic IP have the resource type elastic-ip (moto: vpc-elastic-ip).
EC2_PREFIX_TO_RESOURCE["eipalloc"] = "elastic-ip"


SECURITY_GROUP_TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


# AWS: names and descriptions of security groups use a small part of ASCII.
@around(EC2Backend, "create_security_group")
def refuse_group_text(
    original: Original, backend: EC2Backend, name: str, description: str, *args: object, **kwargs: object
) -> object:
    """Raise for a character that AWS does not take."""
    for parameter, text in (("GroupName", name), ("GroupDescription", description)):
        if not SECURITY_GROUP_TEXT.fullmatch(text or ""):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Value ({text}) for parameter {parameter} is invalid. "
                "Character sets beyond ASCII are not supported.",
            )
    if name.startswith("sg-"):
        raise EC2ClientError(
            "InvalidParameterValue", f"Value ({name}) for parameter GroupName is invalid. It begins with sg-."
        )
    return original(backend, name, description, *args, **kwargs)


# AWS: so do the descriptions of rules.
@around(EC2Response, "authorize_security_group_ingress")
def refuse_ingress_text(original: Original, response: EC2Response) -> object:
    """Raise for a character that AWS does not take."""
    _check_rule_texts(response)
    return original(response)


@around(EC2Response, "authorize_security_group_egress")
def refuse_egress_text(original: Original, response: EC2Response) -> object:
    """Raise for a character that AWS does not take."""
    _check_rule_texts(response)
    return original(response)


def _check_rule_texts(response: EC2Response) -> None:
    for permission in response._get_param("IpPermissions", []):
        for peers in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"):
            for peer in permission.get(peers, []):
                if not SECURITY_GROUP_TEXT.fullmatch(peer.get("Description") or ""):
                    raise EC2ClientError(
                        "InvalidParameterValue",
                        "Invalid rule description. Valid descriptions are strings less than 256 characters "
                        "from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
                    )


# AWS: a resource in use cannot be deleted.
@around(EC2Backend, "delete_security_group")
def refuse_used_group(
    original: Original, backend: EC2Backend, name: str | None = None, group_id: str | None = None
) -> object:
    """Raise for a group that an interface has or that another group's rule names."""
    in_use = any(group_id in {group.id for group in eni.group_set} for eni in backend.enis.values())
    for groups in backend.groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules] if group.id != group_id else []
            in_use |= any(
                rule.source_group and rule.source_group.get("GroupId") == group_id for rule in rules
            )
    if group_id and in_use:
        raise DependencyViolationError(f"resource {group_id} has a dependent object")
    return original(backend, name, group_id)


@around(EC2Backend, "delete_subnet")
def refuse_used_subnet(original: Original, backend: EC2Backend, subnet_id: str) -> object:
    """Raise for a subnet with interfaces in it."""
    if any(eni.subnet.id == subnet_id and eni.status == "in-use" for eni in backend.enis.values()):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    return original(backend, subnet_id)


@around(EC2Backend, "delete_vpc")
def refuse_vpc_with_gateway(original: Original, backend: EC2Backend, vpc_id: str) -> object:
    """Raise for a VPC with an internet gateway or with other security groups than its default one."""
    gateways = any(
        gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in backend.internet_gateways.values()
    )
    groups = [group for group in backend.groups.get(vpc_id, {}).values() if group.name != "default"]
    if gateways or groups:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return original(backend, vpc_id)


# AWS: the VPC's own range is routed locally, and no route of yours can say so.
@around(EC2Backend, "create_route")
def refuse_local_route(
    original: Original,
    backend: EC2Backend,
    route_table_id: str,
    destination_cidr_block: str | None,
    *args: object,
    **kwargs: object,
) -> object:
    """Raise for a route that is the VPC's range or a part of it."""
    table = backend.get_route_table(route_table_id)
    vpc = ipaddress.IPv4Network(backend.get_vpc(table.vpc_id).cidr_block)
    if destination_cidr_block and not kwargs.get("local"):
        wanted = ipaddress.IPv4Network(destination_cidr_block, strict=False)
        if wanted.subnet_of(vpc) and (kwargs.get("gateway_id") or kwargs.get("nat_gateway_id")):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"The destination CIDR block {wanted} is equal to or more specific than one of this VPC's "
                "CIDR blocks. This route can target only an interface or an instance.",
            )
    return original(backend, route_table_id, destination_cidr_block, *args, **kwargs)


# AWS: the type of an instance can be changed only while it is stopped, to one that there is (E8; moto: any, at any time).
@around(EC2Backend, "modify_instance_attribute")
def refuse_resize_while_running(
    original: Original, backend: EC2Backend, instance_id: str, key: str, value: object
) -> object:
    """Raise for an unknown type, and for another one unless the instance is stopped."""
    instance = backend.get_instance(instance_id)
    if key == "instance_type" and value not in _offered(backend):
        raise EC2ClientError("InvalidInstanceAttributeValue", f"Invalid value '{value}' for InstanceType.")
    if key == "instance_type" and instance.state != "stopped" and value != instance.instance_type:
        raise EC2ClientError(
            "IncorrectInstanceState", f"The instance '{instance_id}' is not in the 'stopped' state."
        )
    return original(backend, instance_id, key, value)


def _offered(backend: EC2Backend) -> set[str]:
    return {one["InstanceType"] for one in INSTANCE_TYPE_OFFERINGS["region"][backend.region_name]}


# AWS: a terminated instance stays terminated; a start needs capacity of the type (E9).
@around(EC2Backend, "start_instances")
def refuse_start_of_terminated(original: Original, backend: EC2Backend, instance_ids: list[str]) -> object:
    """Raise for an instance that is terminated or about to be, and for a type without capacity."""
    for instance in backend.get_multi_instances_by_id(instance_ids):
        if instance.state in ("terminated", "shutting-down"):
            raise EC2ClientError(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be started.",
            )
        words = capacity.refusal(instance.instance_type, instance.placement.zone)
        if words and instance.state != "running":
            raise EC2ClientError("InsufficientInstanceCapacity", words)
    return original(backend, instance_ids)


# AWS: a server needs capacity of its type, at its launch and at each start (E9).
@around(EC2Backend, "run_instances")
def refuse_without_capacity(
    original: Original, backend: EC2Backend, *args: object, **kwargs: object
) -> object:
    """Raise for a type without capacity."""
    words = capacity.refusal(
        kwargs.get("instance_type"), kwargs.get("placement") or f"{backend.region_name}a"
    )
    if words:
        raise EC2ClientError("InsufficientInstanceCapacity", words)
    return original(backend, *args, **kwargs)


# AWS: termination protection can be asked for at the launch (E11; moto drops it).
@around(EC2Response, "run_instances")
def protect_from_termination(original: Original, response: EC2Response) -> ActionResult:
    """Protect the new instances if the request says so."""
    answer = original(response)
    if response._get_bool_param("DisableApiTermination", False):
        for instance in answer.result.instances:
            instance.disable_api_termination = True
    return answer


# AWS: an instance shows its profile's own id, which tells a recreated profile of the same name from the old one.
@around(IamInstanceProfileAssociation, "__init__")
def show_profile_id(
    original: Original, association: IamInstanceProfileAssociation, *args: object, **kwargs: object
) -> None:
    """Show the profile's id instead of the association's."""
    original(association, *args, **kwargs)
    _show_profile(association)


@around(IamInstanceProfileAssociationBackend, "replace_iam_instance_profile_association")
def show_replaced_profile(original: Original, backend: EC2Backend, *args: object, **kwargs: object) -> object:
    """Show the new profile after a replacement."""
    association = original(backend, *args, **kwargs)
    _show_profile(association)
    return association


def _show_profile(association: IamInstanceProfileAssociation) -> None:
    profile = association.iam_instance_profile
    association.instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
