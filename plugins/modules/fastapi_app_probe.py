#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: probe an application until several consecutive responses are healthy."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_probe
short_description: Wait for several consecutive healthy responses
description:
  - Requests a URL repeatedly. A healthy response has one of the accepted statuses and a matching body. Changes nothing.
options:
  url: {description: The health URL., type: str, required: true}
  host: {description: "The C(Host) header; empty for the host of the URL.", type: str, default: ""}
  statuses: {description: The statuses of a healthy response., type: list, elements: int, default: [200]}
  body: {description: A regular expression that a healthy body matches., type: str, default: ""}
  contains: {description: "Text that a healthy body contains, such as the release ID.", type: str, default: ""}
  times: {description: The required number of consecutive healthy responses., type: int, default: 1}
  tries: {description: The maximum number of unhealthy responses., type: int, default: 30}
  interval: {description: Seconds between requests after an unhealthy response., type: float, default: 1}
  timeout: {description: The maximum duration of a request in seconds., type: float, default: 5}
  unit: {description: "A unit that must not restart more than three times meanwhile; empty for none.", type: str, default: ""}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- fastapi_app_probe:
    url: http://127.0.0.1:8001/api/health
    contains: 3f2a9c1b7d10-a1b2c3
    times: 3
    unit: table-order-backend-candidate.service
"""

RETURN = """
asked: {description: The number of requests., type: int, returned: always}
seconds: {description: The duration in seconds., type: float, returned: always}
"""

import re
import time
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

SHOWN = 500
RESTARTS = 3
PAUSE = 0.2  # between healthy responses


class Answer(NamedTuple):
    """One response: its status (0 without a response) and its body or the error."""

    status: int
    body: str


def ask(url: str, host: str, timeout: float) -> Answer:
    """Send one request. A redirect is a response and is not followed."""
    try:
        response = open_url(
            url,
            headers={"Host": host} if host else {},
            timeout=timeout,
            follow_redirects="none",
            use_proxy=False,
        )
        return Answer(response.status, response.read(65536).decode(errors="replace"))
    except HTTPError as error:
        return Answer(error.code, error.read(65536).decode(errors="replace"))
    except (OSError, HTTPException) as error:
        return Answer(0, str(getattr(error, "reason", error)) or type(error).__name__)


def complaint(answer: Answer, parameters: dict[str, Any]) -> str:
    """Return why a response is unhealthy, or an empty string."""
    if answer.status == 0:
        return f"no response: {answer.body}"
    shown = f"{answer.body[:SHOWN]}{'...' if len(answer.body) > SHOWN else ''}"
    if answer.status not in parameters["statuses"]:
        return f"status {answer.status}: {shown}"
    if not re.search(parameters["body"], answer.body):
        return f"status {answer.status}, and the body does not match {parameters['body']}: {shown}"
    if parameters["contains"] not in answer.body:
        return f"status {answer.status}, and the body does not name the release {parameters['contains']}: {shown}"
    return ""


def restarts(module: AnsibleModule, unit: str) -> int:
    """Return the number of restarts of a unit by systemd."""
    shown = module.run_command(["systemctl", "show", "--property=NRestarts", "--value", unit])[1]
    return int(shown.strip() or 0)


def main() -> None:
    """Run the module."""
    text = {"type": "str", "default": ""}
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "host": text,
            "statuses": {"type": "list", "elements": "int", "default": [200]},
            "body": text,
            "contains": text,
            "times": {"type": "int", "default": 1},
            "tries": {"type": "int", "default": 30},
            "interval": {"type": "float", "default": 1},
            "timeout": {"type": "float", "default": 5},
            "unit": text,
        },
        supports_check_mode=True,
    )
    wanted, unit = module.params, module.params["unit"]
    began, asked, healthy, wrong = time.monotonic(), 0, 0, ""
    while healthy < wanted["times"]:
        # Healthy responses do not count as tries, so a streak in progress always completes.
        if asked - healthy >= wanted["tries"]:
            break
        wrong = complaint(ask(wanted["url"], wanted["host"], wanted["timeout"]), wanted)
        asked += 1
        healthy = 0 if wrong else healthy + 1
        if wrong and unit and restarts(module, unit) >= RESTARTS:
            wrong += f"; {unit} has exited {RESTARTS} times"
            break
        if healthy < wanted["times"]:
            time.sleep(wanted["interval"] if wrong else PAUSE)
    result = {"asked": asked, "seconds": round(time.monotonic() - began, 2)}
    if healthy < wanted["times"]:
        module.fail_json(msg=f"GET {wanted['url']}: {wrong}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
