#!/usr/bin/python
"""Ansible module: ask an application for its health until it is healthy several times in a row."""

from __future__ import annotations

import re
import subprocess
import time
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

DOCUMENTATION = """
module: fastapi_app_probe
short_description: Wait until an application is healthy several times in a row
description:
  - Asks an address again and again. Healthy is an answer with one of the wanted statuses, whose body holds what it should.
    Changes nothing.
options:
  url: {description: The address., type: str, required: true}
  host: {description: "The C(Host) to ask for; empty for the address's own.", type: str, default: ""}
  statuses: {description: What counts as healthy., type: list, elements: int, default: [200]}
  body: {description: A regular expression that the body must match somewhere., type: str, default: ""}
  contains: {description: "A text that the body must hold, such as the release's id.", type: str, default: ""}
  times: {description: How many answers in a row must be healthy., type: int, default: 1}
  tries: {description: How often to ask at most., type: int, default: 30}
  interval: {description: Seconds between two questions while it is not healthy., type: float, default: 1}
  timeout: {description: Seconds that an answer may take., type: float, default: 5}
  unit: {description: "A unit that must not start more than three times meanwhile; empty for none.", type: str, default: ""}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_probe:
    url: http://127.0.0.1:8001/api/health
    contains: 3f2a9c1b7d10-a1b2c3
    times: 3
    unit: table-order-backend-candidate.service
"""

RETURN = """
asked: {description: How often it was asked., type: int, returned: always}
seconds: {description: How long that took., type: float, returned: always}
"""

SHOWN = 500
RESTARTS = 3
PAUSE = 0.2  # between healthy answers


class Answer(NamedTuple):
    """One answer: its status (0 for none) and its body, or why there was none."""

    status: int
    body: str


def ask(url: str, host: str, timeout: float) -> Answer:
    """Ask once. A redirection is the answer, not the way to it."""
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
    """Return why an answer is not a healthy one, or nothing."""
    if answer.status == 0:
        return f"no answer: {answer.body}"
    shown = f"{answer.body[:SHOWN]}{'...' if len(answer.body) > SHOWN else ''}"
    if answer.status not in parameters["statuses"]:
        return f"status {answer.status}: {shown}"
    if not re.search(parameters["body"], answer.body):
        return f"status {answer.status}, and the body does not match {parameters['body']}: {shown}"
    if parameters["contains"] not in answer.body:
        return f"status {answer.status}, and the body does not name the release {parameters['contains']}: {shown}"
    return ""


def restarts(unit: str) -> int:
    """Return how often systemd has started a unit again."""
    shown = subprocess.run(
        ["systemctl", "show", "--property=NRestarts", "--value", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(shown.stdout.strip() or 0)


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
        # The questions of a healthy streak do not count as tries: one that began is heard to its end.
        if asked - healthy >= wanted["tries"]:
            break
        wrong = complaint(ask(wanted["url"], wanted["host"], wanted["timeout"]), wanted)
        asked += 1
        healthy = 0 if wrong else healthy + 1
        if wrong and unit and restarts(unit) >= RESTARTS:
            wrong += f"; {unit} has ended {RESTARTS} times"
            break
        if healthy < wanted["times"]:
            time.sleep(wanted["interval"] if wrong else PAUSE)
    result = {"asked": asked, "seconds": round(time.monotonic() - began, 2)}
    if healthy < wanted["times"]:
        module.fail_json(msg=f"GET {wanted['url']}: {wrong}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
