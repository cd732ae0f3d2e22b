#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Write or remove one site of nginx.conf, which has all sites of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_site
short_description: Write or remove one site of nginx.conf
description:
  - nginx.conf has what all sites of a host share, and a block for each site. This replaces the block of one site and keeps the
    others, so that several applications share a host, each with a run of its own.
  - nginx tests the whole new file before it replaces the live one. Runs on the same host wait for each other.
  - On a port where no site answers requests with unknown names, nginx refuses them.
  - A site that needs what another one has is refused, such as its name or port.
  - In check mode the new file is not tested, since the certificate may not exist yet.
options:
  name:
    description:
      - The site.
    type: str
    required: true
  state:
    description:
      - V(absent) removes the site. V(checked) changes nothing, and says whether the site can be written.
    type: str
    choices: [present, absent, checked]
    default: present
  settings:
    description:
      - What the site needs for itself, by the names of the settings of the role nginx. Checked against the other sites.
    type: dict
  move:
    description:
      - Whether the site may get another backend address.
    type: bool
    default: false
  shared:
    description:
      - The text of nginx.conf without sites.
    type: str
  text:
    description:
      - The text of the site, on the level of C(http).
    type: str
  path:
    description:
      - nginx.conf.
    type: path
    default: /etc/nginx/nginx.conf
extends_documentation_fragment:
  - ansible.builtin.files
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Remove a site
  table_order.infra.nginx_site:
    name: shop
    state: absent
"""

RETURN = r"""
others:
  description: The names of the other sites.
  returned: success
  type: list
  elements: str
  sample: [app]
"""

import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

DEFAULT = "app"
BLOCK = re.compile(r"\n    # BEGIN site (\w+) (.*)\n([\s\S]*?)\n    # END site \1\n")
HALF = re.compile(r"\n    # ((?:BEGIN|END) site \w+)")
REST = re.compile(r"\n    # BEGIN unknown names\n[\s\S]*?\n    # END unknown names\n")
# Until 1.0 the upstream was table_order_backend.
EARLIER = re.compile(r"upstream (?:app|table_order)_backend [{][^}]*?server ([^;]+);")
PORTS = ("nginx_http_port", "nginx_https_port")
BACKEND = "nginx_backend_address"
APPLICATION = (BACKEND, "nginx_candidate_address", "nginx_candidate_flag")
ADDRESSES = (*APPLICATION[:2], "nginx_traffic_address")


class Site(NamedTuple):
    """One site: what it needs for itself, by the names of the role's settings, and its text."""

    settings: Mapping[str, Any]
    text: str


def read(text: str) -> tuple[str, dict[str, Site]]:
    """Return what the sites of an nginx.conf share, and the sites by name; raises ValueError for an edited line.

    One of an earlier version has the default site only.
    """
    sites = {name: Site(json.loads(settings), block) for name, settings, block in BLOCK.findall(text)}
    earlier = EARLIER.search(text)
    if not sites and earlier:
        sites = {DEFAULT: Site({BACKEND: earlier[1]}, "")}
    shared = REST.sub("", BLOCK.sub("", text))
    # Without one of its lines a site would be taken for what the sites share, and be lost.
    if half := HALF.search(shared):
        raise ValueError(f"{half[1]} has no other line for it")
    return shared, sites


def write(shared: str, sites: Mapping[str, Site]) -> str:
    """Return an nginx.conf; ``shared`` ends with the brace of http."""
    blocks = [
        f"    # BEGIN site {name} {json.dumps(site.settings, sort_keys=True)}\n{site.text.rstrip()}\n    # END site {name}\n"
        for name, site in sorted(sites.items())
    ]
    return "\n".join([shared.rstrip().removesuffix("}"), *blocks, *unknown_names(sites)]) + "}\n"


def unknown_names(sites: Mapping[str, Site]) -> list[str]:
    """Return the server for unknown names, on the ports where no site answers them: nginx would take the first site."""
    listens: dict[str, str] = {}
    ipv6 = any("listen [::]:" in site.text for site in sites.values())
    for settings in (site.settings for site in sites.values()):
        for name in PORTS:
            port = str(settings[name])
            answered = any(
                other.settings["nginx_default_server"] and port in ports(other.settings)
                for other in sites.values()
            )
            options = (" ssl" if name == PORTS[1] else "") + " default_server"
            options += " proxy_protocol" if settings["nginx_proxy_protocol"] else ""
            for address in [] if answered else [port, f"[::]:{port}"] if ipv6 else [port]:
                listens[address] = f"        listen {address}{options};"
    if not listens:
        return []
    lines = ["    # BEGIN unknown names", "    server {", *listens.values()]
    lines += ["        access_log off;", "        ssl_reject_handshake on;", "        return 421;", "    }"]
    return ["\n".join([*lines, "    # END unknown names", ""])]


def ports(settings: Mapping[str, Any]) -> set[str]:
    """Return the ports of a site."""
    return {str(settings[name]) for name in PORTS}


def needs(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what a site listens on or asks: the port alone where it is this host's, by the setting."""
    found = {name: str(settings[name]) for name in PORTS}
    for name in ADDRESSES:
        host, colon, port = settings[name].rpartition(":")
        if colon:
            found[name] = port if host == "localhost" or host.startswith("127.") else settings[name]
    return found


def collisions(own: Mapping[str, Any], name: str, other: Mapping[str, Any]) -> Iterator[str]:
    """Say what a site needs that the site ``name`` has. Two sites may serve one application, each with its names and pair."""
    one_application = all(own[key] == other[key] for key in APPLICATION)
    for setting, need in needs(own).items():
        for theirs, taken in needs(other).items():
            shared = setting == theirs and (setting in PORTS or (one_application and setting in APPLICATION))
            if need == taken and not shared:
                yield (
                    f"{setting} is {own[setting]!r}, but the site {name} has {theirs} {other[theirs]!r}. Set another one"
                    f"{', here and in fastapi_app_traffic_url' if setting == ADDRESSES[2] else ''}."
                )
    flags = [one["nginx_candidate_flag"] if one["nginx_candidate_address"] else "" for one in (own, other)]
    if flags[0] and flags[0] == flags[1] and not one_application:
        yield (
            f"nginx_candidate_flag is {flags[0]!r}, which the site {name} has: a deployment of one application would move both. "
            "Set another one, here and in fastapi_app_candidate_flag."
        )
    if common := sorted(ports(own) & ports(other)):
        at = f"which the site {name} has on port {' and '.join(common)}"
        theirs = other["nginx_server_name"].lower().split()
        for host in own["nginx_server_name"].lower().split():
            if host in theirs:
                yield f"nginx_server_name holds {host!r}, {at}. Set the site's own host names, or other ports."
        if own["nginx_default_server"] and other["nginx_default_server"]:
            yield f"nginx_default_server is true, {at}. One site answers requests with unknown names: set false for one of them."
        if own["nginx_proxy_protocol"] != other["nginx_proxy_protocol"]:
            yield f"nginx_proxy_protocol is not that {at}. Set the same for both, or other ports."


def problems(name: str, own: Mapping[str, Any], sites: Mapping[str, Site], move: bool) -> list[str]:
    """Return why a site cannot be written into an nginx.conf that has ``sites``."""
    served = sites[name].settings[BACKEND] if name in sites else own[BACKEND]
    if served != own[BACKEND] and not move:
        return [
            f"{BACKEND} is {own[BACKEND]!r}, but nginx on this host serves an application at {served} as the site {name}. If this "
            "is another application, give it a site of its own (nginx_site). If the site is to move, its requests are answered "
            "with 502 until the application listens at the new address, some 30 s with playbooks/configure.yml: to go on, run once "
            "with -e nginx_replace_application=true."
        ]
    others = {other: site.settings for other, site in sites.items() if other != name}
    if any(len(settings) == 1 for settings in others.values()):
        return [
            f"nginx.conf is of an earlier version of the role nginx, and its application at {others[DEFAULT][BACKEND]} would be "
            f"lost. Run the role for that application first (nginx_site: {DEFAULT}), then for the site {name}."
        ]
    return [problem for other in others for problem in collisions(own, other, others[other])]


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Wait for other runs on this host."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace(module: AnsibleModule, path: Path, text: str) -> None:
    """Replace nginx.conf, once nginx accepts the new one."""
    descriptor, new = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    status, _output, said = module.run_command(["nginx", "-t", "-q", "-c", new])
    if status:
        module.fail_json(msg=f"nginx refuses the new configuration, and keeps the live one: {said.strip()}")
    module.atomic_move(new, str(path))


def change(module: AnsibleModule, path: Path) -> dict[str, Any]:
    """Do what is asked; return the module's result."""
    asked = module.params
    name, state = asked["name"], asked["state"]
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        shared, sites = read(before)
    except ValueError as error:
        module.fail_json(
            msg=f"A line BEGIN site or END site of {path} was edited ({error}). Restore the line, or remove the site by hand."
        )
    result = {"changed": False, "others": sorted(sites.keys() - {name})}
    if asked["settings"] and (found := problems(name, asked["settings"], sites, asked["move"])):
        module.fail_json(msg=" ".join(found))
    if state == "checked" or (state == "absent" and name not in sites):
        return result
    sites.pop(name, None)
    if state == "present":
        shared, sites[name] = asked["shared"], Site(asked["settings"], asked["text"])
    after = write(shared, sites)
    if before != after:
        header = {"before_header": str(path), "after_header": str(path)}
        result |= {"changed": True, "diff": {"before": before, "after": after, **header}}
        if not module.check_mode:
            replace(module, path, after)
    if path.exists():
        attributes = module.load_file_common_arguments(asked, path=str(path))
        result["changed"] = module.set_fs_attributes_if_different(attributes, result["changed"])
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "checked"], "default": "present"},
            "settings": {"type": "dict"},
            "move": {"type": "bool", "default": False},
            "shared": {"type": "str"},
            "text": {"type": "str"},
            "path": {"type": "path", "default": "/etc/nginx/nginx.conf"},
        },
        required_if=[("state", "present", ["settings", "shared", "text"])],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    with alone(path.parent) if path.parent.is_dir() else contextlib.nullcontext():
        result = change(module, path)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
