"""Tells the local cloud which playbook's calls follow: site.yml's are those of the playbooks that it imports."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: which_playbook
type: notification
short_description: Tells the tests' local cloud which playbook runs
description:
  - Before each play it names the play's file, and the test, where TABLE_ORDER_TEST_RUN has the cloud's address for it.
"""


class CallbackModule(CallbackBase):
    """Names the file of each play."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "which_playbook"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Say so before the play's first call."""
        if address := os.environ.get("TABLE_ORDER_TEST_RUN"):
            file = Path(play.get_path().rpartition(":")[0]).name
            name = f"{file} --check" if context.CLIARGS["check"] else file
            tell(address, name, os.environ.get("TABLE_ORDER_TEST", ""))


def tell(address: str, playbook: str, test: str) -> None:
    """Have the local cloud note what is used from now on as this playbook's, in this test."""
    body = json.dumps(f"{playbook} | {test}").encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="PUT")
    urllib.request.urlopen(request, timeout=30).close()
