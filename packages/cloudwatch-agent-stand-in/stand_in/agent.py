"""The agent's loop: read, ship, save the position."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from stand_in import metadata
from stand_in.config import Config, Journal, LogFile
from stand_in.journal import JournalTail
from stand_in.metrics import Meter
from stand_in.ship import LogShipper
from stand_in.tail import Position, Tail

log = logging.getLogger("stand-in")

# Data per PutMetricData call.
METRIC_BATCH = 500


@dataclass
class Source:
    """A log source and its destination. ``failing`` holds the last error, which is logged only once."""

    name: str
    tail: Tail | JournalTail
    group: str
    stream: str
    failing: str = ""


class Agent:
    """Ships the logs and metrics of a configuration.

    create_client("logs") and create_client("cloudwatch") return boto3 clients. The state file holds the shipped position of each
    source. It is written only after CloudWatch has accepted the events: a crash may repeat events, but loses none.
    """

    def __init__(self, config: Config, state_file: Path, create_client: Callable[[str], BaseClient]) -> None:
        """Continue from the positions in the state file."""
        self._config = config
        self._state_file = state_file
        self._metrics_client = create_client("cloudwatch")
        self._shipper = LogShipper(create_client("logs"))
        self._meter = Meter()
        state = read_state(state_file)
        self._sources = [
            *(self._follow_file(item, state.get(item.path)) for item in config.files),
            *(self._follow_journal(item, state.get(_journal_name(item))) for item in config.journals),
        ]
        self._metrics_failing = ""

    def run(self, must_stop: Callable[[], bool]) -> None:
        """Ship until must_stop returns true, then ship the remaining events."""
        next_metrics = time.monotonic() + self._config.metrics_interval
        next_logs = 0.0
        while not must_stop():
            now = time.monotonic()
            if now >= next_logs:
                self.ship_logs()
                next_logs = now + self._config.flush_interval
            if now >= next_metrics:
                self.put_metrics()
                next_metrics = now + self._config.metrics_interval
            time.sleep(0.2)
        self.ship_logs()

    def ship_logs(self) -> None:
        """Ship the new events of every source. The next call repeats a failed source."""
        for source in self._sources:
            try:
                while self._ship(source):
                    pass
            except (OSError, BotoCoreError, ClientError) as error:
                if str(error) != source.failing:
                    log.warning("%s: %s", source.name, error)
                source.failing = str(error)
                continue
            if source.failing:
                log.info("%s: works again", source.name)
                source.failing = ""

    def put_metrics(self) -> None:
        """Measure and send once. A failed call is not repeated: old measurements are useless."""
        data = [datum for metric in self._config.metrics for datum in self._meter.measure(metric)]
        try:
            common = [
                {"Name": name, "Value": metadata.fill(text)} for name, text in self._config.dimensions.items()
            ]
            for datum in data:
                datum["Dimensions"] = [*common, *datum["Dimensions"]]
            for begin in range(0, len(data), METRIC_BATCH):
                self._metrics_client.put_metric_data(
                    Namespace=self._config.namespace, MetricData=data[begin : begin + METRIC_BATCH]
                )
        except (OSError, BotoCoreError, ClientError) as error:
            if str(error) != self._metrics_failing:
                log.warning("metrics: %s", error)
            self._metrics_failing = str(error)
            return
        self._metrics_failing = ""

    def _ship(self, source: Source) -> bool:
        """Ship one batch. Return whether there may be more."""
        before = _progress(source.tail)
        portion = source.tail.read()
        now = int(time.time() * 1000)
        events = [(now, item) if isinstance(item, str) else item for item in portion]
        if events:
            self._shipper.ship(metadata.fill(source.group), metadata.fill(source.stream), events)
        source.tail.commit()
        moved = _progress(source.tail) != before
        if moved:
            self._write_state()
        return moved

    def _follow_file(self, item: LogFile, state: dict[str, int] | None) -> Source:
        return Source(
            item.path, Tail(item.path, Position(**state) if state else None), item.group, item.stream
        )

    def _follow_journal(self, item: Journal, cursor: str | None) -> Source:
        return Source(_journal_name(item), JournalTail(item, cursor or ""), item.group, item.stream)

    def _write_state(self) -> None:
        state = {source.name: _progress(source.tail) for source in self._sources}
        new = self._state_file.with_suffix(".new")
        new.write_text(json.dumps(state, indent=1))
        new.replace(self._state_file)


def read_state(path: Path) -> dict[str, Any]:
    """Return the content of the state file; empty if it is missing or invalid."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s: %s; everything is shipped from the beginning", path, error)
        return {}


def _progress(tail: Tail | JournalTail) -> dict[str, int] | str:
    return tail.position.as_dict() if isinstance(tail, Tail) else tail.cursor


def _journal_name(item: Journal) -> str:
    return f"journal {item.group} {item.stream}"
