"""The server."""

from tests.aws_rules.recording import Calls
from tests.aws_rules.registry import Problems, rule

RUN = "ec2:RunInstances"


@rule
def the_instance_profile_exists_before_the_server(calls: Calls) -> Problems:
    """InvalidParameterValue: Value (...) for parameter iamInstanceProfile.name is invalid. Invalid IAM
    Instance Profile name
    """
    order = [call.name for call in calls]
    for call in calls.of(RUN):
        made = order[: calls.index(call)]
        for step in ("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"):
            if step in order and step not in made:
                yield call, f"{step} comes after it"
        if not (call.get("IamInstanceProfile.Name") or call.get("IamInstanceProfile.Arn")):
            yield call, "the server has no instance profile"


@rule
def a_newer_image_makes_no_second_server(calls: Calls) -> Problems:
    """Nothing refuses it: ec2_instance looks for the image id too, and starts another server when it
    moves.
    """
    images: dict[str | None, str] = {}
    for call in calls.of(RUN):
        first = images.setdefault(call.tag("Name"), call.get("ImageId"))
        if call.get("ImageId") != first:
            yield call, f"another {call.tag('Name')}, of {call.get('ImageId')} after {first}"
        if call.get("MaxCount") != 1:
            yield call, f"MaxCount is {call.get('MaxCount')}"


@rule
def the_root_disk_is_the_image_s_own(calls: Calls) -> Problems:
    """Nothing refuses it: a mapping of another name is a second, empty disk, and the root stays at 8 GB."""
    for call in calls.of(RUN):
        names = [item.get("DeviceName") for item in call.get("BlockDeviceMappings", [])]
        if names != ["/dev/xvda"]:
            yield call, f"the disks are {names}; the root of AL2023 and of Debian's images is /dev/xvda"


@rule
def disks_are_encrypted(calls: Calls) -> Problems:
    """Nothing refuses it: if you omit this parameter, it defaults to false."""
    for call in calls.of(RUN):
        for item in call.get("BlockDeviceMappings", []):
            if item.get("Ebs", {}).get("Encrypted") is not True:
                yield call, f"{item.get('DeviceName')} is not encrypted"


@rule
def metadata_wants_a_token(calls: Calls) -> Problems:
    """Nothing refuses it: options given in part bring http_tokens back to optional."""
    for call in calls.of(RUN, "ec2:ModifyInstanceMetadataOptions"):
        options = call.get("MetadataOptions", call.parameters)
        if options.get("HttpTokens") != "required" or options.get("HttpEndpoint", "enabled") != "enabled":
            yield call, f"HttpTokens is {options.get('HttpTokens')}"


@rule
def the_key_pair_is_imported(calls: Calls) -> Problems:
    """Nothing refuses it: AWS shows a generated key once, and only its holder can log in afterwards."""
    for call in calls.of("ec2:CreateKeyPair"):
        yield call, "ImportKeyPair takes a public key that the operator has"
