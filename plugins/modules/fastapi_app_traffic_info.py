#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: check whether the web server sends traffic to the service or to the candidate."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_traffic_info
short_description: Check whether the web server sends traffic to the service or to the candidate
description:
  - Requests a URL repeatedly, over a new connection each time, until several consecutive responses match. A response is JSON
    with C(upstream) (C(table_order_backend) or C(table_order_candidate)), C(addresses) of both, and C(flag), the file that the
    web server checks. Changes nothing.
options:
  url: {description: The URL of the web server's response., type: str, required: true}
  upstream: {description: The expected target of the traffic., type: str, choices: [service, candidate], required: true}
  service: {description: "The address of the service, as host:port.", type: str, required: true}
  candidate: {description: "The address of the candidate, as host:port.", type: str, required: true}
  flag: {description: The file that sends traffic to the candidate., type: path, required: true}
  times: {description: The required number of consecutive matching responses., type: int, default: 10}
  timeout: {description: The maximum duration in seconds., type: float, default: 10}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- fastapi_app_traffic_info:
    url: http://127.0.0.1:8008/upstream
    upstream: candidate
    service: 127.0.0.1:8000
    candidate: 127.0.0.1:8001
    flag: /run/table-order/candidate-live
"""

RETURN = """
asked: {description: The number of requests., type: int, returned: always}
seconds: {description: The duration in seconds., type: float, returned: always}
"""

import json
import time
from http.client import HTTPException
from ipaddress import IPv4Address
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

NAMES = {"service": "table_order_backend", "candidate": "table_order_candidate"}
EVERYWHERE = str(IPv4Address(0))
PAUSE = 0.2  # after a mismatch
FIX = "ansible-playbook playbooks/configure.yml --tags nginx rewrites and reloads nginx's configuration"


def ask(url: str) -> dict[str, Any]:
    """Return the web server's response; raises ValueError with the reason for a missing or invalid response."""
    try:
        response = open_url(url, timeout=2, follow_redirects="none", use_proxy=False)
        answer = json.loads(response.read(65536))
        return {name: answer[name] for name in ("upstream", "flag")} | {
            "addresses": dict(answer["addresses"])
        }
    except (OSError, HTTPException) as error:
        raise ValueError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("the response is not from the role nginx") from error


def leads_to(address: str, listens: str) -> bool:
    """Return whether a connection to ``address`` reaches the socket ``listens``; both are host:port."""
    host, _dummy, port = address.replace("localhost", "127.0.0.1").rpartition(":")
    own, _dummy, own_port = listens.replace("localhost", "127.0.0.1").rpartition(":")
    return port == own_port and (host == own or own == EVERYWHERE)


def differences(answer: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the differences between the web server's configuration and the settings of this role."""
    found = []
    for who, name in NAMES.items():
        address, listens = str(answer["addresses"].get(name, "")), wanted[who]
        if not leads_to(address, listens):
            setting = "fastapi_app_port" if who == "service" else "fastapi_app_candidate_port"
            found.append(
                f"nginx sends the {who}'s traffic to {address or 'no address'}, but the {who} listens on {listens} ({setting})"
            )
    if answer["flag"] != wanted["flag"]:
        found.append(
            f"nginx checks for the file {answer['flag'] or 'without a name'}, but a deployment creates {wanted['flag']} "
            "(fastapi_app_candidate_flag)"
        )
    if not found and answer["upstream"] != NAMES[wanted["upstream"]]:
        found.append(
            f"the upstream is {answer['upstream']}, not {NAMES[wanted['upstream']]}: the file {wanted['flag']} "
            + ("exists, but nginx cannot see it" if wanted["upstream"] == "candidate" else "still exists")
        )
    return found


def complaint(wanted: dict[str, Any]) -> str:
    """Send one request; return why the response does not match, or an empty string."""
    try:
        answer = ask(wanted["url"])
    except ValueError as error:
        return (
            f"nginx does not report the target of its traffic: {wanted['url']} (fastapi_app_traffic_url): {error}. {FIX}; with "
            "another web server leave fastapi_app_traffic_url empty."
        )
    found = differences(answer, wanted)
    if not found:
        return ""
    return (
        f"The running nginx does not send traffic to the {wanted['upstream']}: {'; '.join(found)}. {FIX}; or correct "
        "the settings of the role nginx (nginx_backend_address, nginx_candidate_address, nginx_candidate_flag)."
    )


def main() -> None:
    """Run the module."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "url": text,
            "upstream": {**text, "choices": list(NAMES)},
            "service": text,
            "candidate": text,
            "flag": {"type": "path", "required": True},
            "times": {"type": "int", "default": 10},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    wanted, began, asked, right, wrong = module.params, time.monotonic(), 0, 0, ""
    while right < wanted["times"]:
        wrong = complaint(wanted)
        asked += 1
        right = 0 if wrong else right + 1
        if wrong and time.monotonic() - began >= wanted["timeout"]:
            break
        if wrong:
            time.sleep(PAUSE)
    result = {"asked": asked, "seconds": round(time.monotonic() - began, 2)}
    if wrong:
        module.fail_json(msg=wrong, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
