"""EC2: the files that a machine image and cloud-init bring to a server's first boot."""

from __future__ import annotations

import os
from pathlib import Path

from moto.ec2.models.instances import Instance

from local_cloud.containers import File

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
EXTRA_AUTHORITIES = Path("/usr/local/share/ca-certificates")


def console_output(keys: str) -> str:
    """Return cloud-init's block of public host keys."""
    return f"-----BEGIN SSH HOST KEY KEYS-----\n{keys.strip()}\n-----END SSH HOST KEY KEYS-----\n"


def machine_files(instance: Instance, user: str, endpoint: str) -> list[File]:
    """The files of a first boot: the key, the cloud's address, the host's CAs, the user data."""
    environment = {"AWS_ENDPOINT_URL": endpoint}
    directory = f"/home/{user}/.ssh"
    files = [File(f"{directory}/", "", 0o700, 1000)]
    key = instance.ec2_backend.key_pairs.get(instance.key_name)
    if key:
        files.append(File(f"{directory}/authorized_keys", key.public_key.strip() + "\n", 0o600, 1000))
    authorities = _authority_files()
    if authorities:
        files += authorities
        environment |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), CA_BUNDLE)
    lines = [f"{name}={value}" for name, value in environment.items()]
    files += [
        File("/etc/environment", "\n".join(lines) + "\n"),
        File(
            "/etc/systemd/system.conf.d/50-local-cloud.conf",
            f"[Manager]\nDefaultEnvironment={' '.join(lines)}\n",
        ),
        # sudo would start with an empty environment.
        File("/etc/sudoers.d/50-local-cloud", "Defaults env_file=/etc/environment\n", 0o440),
    ]
    return [*files, *_new_instance_files(instance), *_user_data_files(instance)]


def _authority_files() -> list[File]:
    """The host's CA bundle, if the host trusts CAs that Debian does not know."""
    bundle = Path(os.environ.get("SSL_CERT_FILE") or CA_BUNDLE)
    extra = sorted(EXTRA_AUTHORITIES.glob("*.crt"))
    if not bundle.is_file() or not (extra or "SSL_CERT_FILE" in os.environ):
        return []
    return [
        File(CA_BUNDLE, bundle.read_bytes()),
        # For a rebuild of the bundle by the package.
        *(File(f"{EXTRA_AUTHORITIES}/{path.name}", path.read_bytes()) for path in extra),
    ]


# AWS: cloud-init begins a new life for each instance id: a server from an image of another server has its own host keys, and runs
# its own user data (E7).
NEW_INSTANCE_UNIT = """\
[Unit]
Description=Begin the life of a new instance
Before=ssh-host-keys.service ssh.service sshd.service cloud-user-data.service

[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/var/lib/cloud/new-instance {id}

[Install]
WantedBy=multi-user.target
"""
NEW_INSTANCE = """\
#!/bin/sh
[ "$(cat /var/lib/cloud/instance-id 2>/dev/null)" = "$1" ] && exit 0
[ ! -e /var/lib/cloud/instance-id ] || rm -f /etc/ssh/ssh_host_* /var/lib/cloud/instance/user-data.done
echo "$1" >/var/lib/cloud/instance-id
"""


def _new_instance_files(instance: Instance) -> list[File]:
    unit = "/etc/systemd/system/cloud-new-instance.service"
    return [
        File("/var/lib/cloud/new-instance", NEW_INSTANCE, 0o755),
        File(unit, NEW_INSTANCE_UNIT.format(id=instance.id)),
        File("/etc/systemd/system/multi-user.target.wants/cloud-new-instance.service", unit, link=True),
    ]


USER_DATA_UNIT = """\
[Unit]
Description=Run the instance's user data once
After=network-online.target ssh.service
ConditionPathExists=!/var/lib/cloud/instance/user-data.done

[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/var/lib/cloud/instance/user-data.txt
ExecStartPost=/usr/bin/touch /var/lib/cloud/instance/user-data.done
StandardOutput=append:/var/log/cloud-init-output.log
StandardError=inherit

[Install]
WantedBy=multi-user.target
"""


def _user_data_files(instance: Instance) -> list[File]:
    data = user_data_of(instance)
    if not data.startswith(b"#!"):
        return []
    unit = "/etc/systemd/system/cloud-user-data.service"
    return [
        File("/var/lib/cloud/instance/user-data.txt", data, 0o700),
        File(unit, USER_DATA_UNIT),
        File("/etc/systemd/system/multi-user.target.wants/cloud-user-data.service", unit, link=True),
    ]


def user_data_of(instance: Instance) -> bytes:
    """An instance's user data, b"" without any."""
    return instance.user_data.decode().encode() if instance.user_data else b""
