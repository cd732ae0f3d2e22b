"""The reader at recorded sites: no network, no moto in this process, a few milliseconds for a read."""

from __future__ import annotations

import copy
import functools
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import read
from botocore.config import Config

from tests.unit.account.finished_site import REGION
from tests.unit.account.record import ARGUMENTS, Recording, keep_parameters, key


@pytest.fixture(scope="session")
def recordings(tmp_path_factory) -> dict[str, Recording]:
    path = tmp_path_factory.mktemp("account") / "recordings"
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.account.record", str(path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = pickle.loads(path.read_bytes())  # noqa: S301 - this test wrote it
    return {name: Recording(**fields) for name, fields in found.items()}


class Answer:
    """What botocore reads of an HTTP answer."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class Replay:
    """Clients that answer from a recording; ``answer`` may give another one, or raise."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: Callable[[str, str, dict[str, Any]], tuple[int, dict[str, Any]] | None] = lambda *_: None

    def __call__(self, service: str) -> Any:
        made = client(service)
        made.replay.append(self)
        return made

    def respond(self, model: Any, context: dict[str, Any], **_: object) -> tuple[Answer, dict[str, Any]]:
        service, operation, parameters = model.service_model.service_name, model.name, context["asked"]
        self.asked.append((service, operation, parameters))
        status, found = self.answer(service, operation, parameters) or self.recorded(
            service, operation, parameters
        )
        return Answer(status), {"ResponseMetadata": {}, **copy.deepcopy(found)}

    def recorded(
        self, service: str, operation: str, parameters: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        return self.recording.answers[key(service, operation, parameters)]

    def read(
        self, resources: list[dict] = ARGUMENTS[0], tags: dict = ARGUMENTS[1], name: str = ARGUMENTS[2]
    ) -> dict:
        return read(self, resources, tags, name)


@functools.cache
def client(service: str) -> Any:
    """Return a client of a service that asks the latest Replay."""
    made = boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id="unit",
        aws_secret_access_key="unit",
        config=Config(retries={"total_max_attempts": 1}),
    )
    made.replay = []
    made.meta.events.register("before-parameter-build", keep_parameters)
    made.meta.events.register("before-call", lambda **values: made.replay[-1].respond(**values))
    return made


@pytest.fixture
def finished(recordings) -> Replay:
    return Replay(recordings["finished"])


@pytest.fixture
def drifted(recordings) -> Replay:
    return Replay(recordings["drifted"])


@pytest.fixture
def ending(recordings) -> Replay:
    return Replay(recordings["ending"])
