"""Record what the reader is answered at three sites in moto, in a process of its own: moto knows one account at a time.

Run as ``python -m tests.unit.account.record FILE``; FILE gets a pickle: name of the site -> the fields of a Recording.
"""

from __future__ import annotations

import copy
import json
import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.unit.account.finished_site import REGION, TAGS, Site, described

ARGUMENTS = (described(), {key: TAGS[key] for key in ("Project", "Environment")}, "table-order")


@dataclass
class Recording:
    """The answers at one site, and the ids of its resources."""

    ids: dict[str, str]
    answers: dict[tuple[str, str, str], tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """Service, operation and parameters as JSON -> HTTP status and the parsed answer."""


def key(service: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str, str]:
    return service, operation, json.dumps(parameters, sort_keys=True, default=str)


def keep_parameters(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["asked"] = copy.deepcopy(params)


def main() -> None:
    from ansible.plugins.loader import init_plugin_loader
    from moto import mock_aws

    import local_cloud.shims  # noqa: F401 - imported for its effect on moto
    from tests.unit.account.drift import beside, drift, ending

    init_plugin_loader()
    from ansible_collections.table_order.infra.plugins.module_utils.account_reader import read

    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = boto3.client(
                service, region_name=REGION, aws_access_key_id="unit", aws_secret_access_key="unit"
            )
        return clients[service]

    recordings = {}
    with mock_aws():
        site = Site(client)

        def record(name: str) -> None:
            recording = recordings[name] = Recording(dict(site.ids))

            def keep(http_response: Any, parsed: Any, model: Any, context: Any, **_: object) -> None:
                if "asked" in context:
                    answer = {one: value for one, value in parsed.items() if one != "ResponseMetadata"}
                    where = key(model.service_model.service_name, model.name, context["asked"])
                    recording.answers[where] = (http_response.status_code, copy.deepcopy(answer))

            def connect(service: str) -> Any:
                made = boto3.client(
                    service, region_name=REGION, aws_access_key_id="unit", aws_secret_access_key="unit"
                )
                made.meta.events.register("before-parameter-build", keep_parameters)
                # Before botocore parses policies: the replay has it do that again.
                service_id = made.meta.service_model.service_id.hyphenize()
                made.meta.events.register_first(f"after-call.{service_id}", keep)
                return made

            read(connect, *ARGUMENTS)

        record("finished")
        drift(site)
        beside(site)
        record("drifted")
        ending(site)
        record("ending")
    Path(sys.argv[1]).write_bytes(pickle.dumps({name: vars(one) for name, one in recordings.items()}))


if __name__ == "__main__":
    main()
