#!/usr/bin/python
"""Ansible module: ask the web server which of two processes gets the requests at this moment."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from ipaddress import IPv4Address
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

DOCUMENTATION = """
module: fastapi_app_traffic
short_description: Ask the web server whether requests go to the service or to the candidate
description:
  - Asks again and again, each time over a new connection, until the answer is the wanted one several times in a row. The
    answer is JSON with C(upstream) (C(table_order_backend) or C(table_order_candidate)), C(addresses) of both, and C(flag), the
    file that the web server looks for. Changes nothing.
options:
  url: {description: Where the web server says it., type: str, required: true}
  upstream: {description: Who is to get the requests., type: str, choices: [service, candidate], required: true}
  service: {description: "Where the service listens, as host:port.", type: str, required: true}
  candidate: {description: "Where the candidate listens, as host:port.", type: str, required: true}
  flag: {description: The file that sends requests to the candidate., type: path, required: true}
  times: {description: How many answers in a row must be the wanted one., type: int, default: 10}
  timeout: {description: How long to ask at most, in seconds., type: float, default: 10}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_traffic:
    url: http://127.0.0.1:8008/upstream
    upstream: candidate
    service: 127.0.0.1:8000
    candidate: 127.0.0.1:8001
    flag: /run/table-order/candidate-live
"""

RETURN = """
asked: {description: How often it was asked., type: int, returned: always}
seconds: {description: How long that took., type: float, returned: always}
"""

NAMES = {"service": "table_order_backend", "candidate": "table_order_candidate"}
EVERYWHERE = str(IPv4Address(0))
PAUSE = 0.2  # after a wrong answer
FIX = "ansible-playbook playbooks/configure.yml --tags nginx writes and loads nginx's configuration anew"


def ask(url: str) -> dict[str, Any]:
    """Return the web server's answer; raises ValueError with the reason when there is none that can be read."""
    try:
        response = open_url(url, timeout=2, follow_redirects="none", use_proxy=False)
        answer = json.loads(response.read(65536))
        return {name: answer[name] for name in ("upstream", "flag")} | {
            "addresses": dict(answer["addresses"])
        }
    except (OSError, HTTPException) as error:
        raise ValueError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("the answer is not what the role nginx has it say") from error


def leads_to(address: str, listens: str) -> bool:
    """Say whether who connects to ``address`` reaches what listens on ``listens``; both are host:port."""
    host, _, port = address.replace("localhost", "127.0.0.1").rpartition(":")
    own, _, own_port = listens.replace("localhost", "127.0.0.1").rpartition(":")
    return port == own_port and (host == own or own == EVERYWHERE)


def differences(answer: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return in words what differs between the web server's configuration and what this role does."""
    found = []
    for who, name in NAMES.items():
        address, listens = str(answer["addresses"].get(name, "")), wanted[who]
        if not leads_to(address, listens):
            setting = "fastapi_app_port" if who == "service" else "fastapi_app_candidate_port"
            found.append(
                f"it sends the {who}'s requests to {address or 'nothing'}, and the {who} listens on {listens} ({setting})"
            )
    if answer["flag"] != wanted["flag"]:
        found.append(
            f"it looks for the file {answer['flag'] or 'of no name'}, and a deployment makes {wanted['flag']} "
            "(fastapi_app_candidate_flag)"
        )
    if not found and answer["upstream"] != NAMES[wanted["upstream"]]:
        found.append(
            f"its upstream is {answer['upstream']}, not {NAMES[wanted['upstream']]}: the file {wanted['flag']} is "
            + ("there, and nginx cannot see it" if wanted["upstream"] == "candidate" else "still there")
        )
    return found


def complaint(wanted: dict[str, Any]) -> str:
    """Ask once; return why the answer is not the wanted one, or nothing."""
    try:
        answer = ask(wanted["url"])
    except ValueError as error:
        return (
            f"nginx does not say where requests go: {wanted['url']} (fastapi_app_traffic_url): {error}. {FIX}; where "
            "another web server passes requests on, set fastapi_app_traffic_url to nothing."
        )
    found = differences(answer, wanted)
    if not found:
        return ""
    return (
        f"nginx, as it runs now, does not send requests to the {wanted['upstream']}: {'; '.join(found)}. {FIX}; or correct "
        "the setting on the other side (nginx_backend_address, nginx_candidate_address, nginx_candidate_flag)."
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
