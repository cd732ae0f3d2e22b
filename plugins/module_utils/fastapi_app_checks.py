# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What a cutover looks at before it goes on: whether a release is healthy, who has the requests, who is still connected."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import (
    Answer,
    Host,
    StepError,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import Site

SERVICE, CANDIDATE = "service", "candidate"
UPSTREAMS = {SERVICE: "app_backend", CANDIDATE: "app_candidate"}
"""nginx's names for who gets the requests."""
RESTARTS = 3
"""A unit that systemd has started again so often will not become healthy."""
PAUSE_HEALTHY, PAUSE_UNHEALTHY, PAUSE_DRAIN, PAUSE_ASK = 0.2, 1.0, 0.1, 0.2
TRY_SECONDS = 1.0
"""The tries of a probe are also its seconds: an application that hangs is not waited for longer than one that fails."""
GRACE = 0.3
"""Seconds: a connection that nginx took before the switch may carry its request a moment later."""
PROBE_TIMEOUT, ASK_TIMEOUT = 5.0, 2.0
ASK_TIMES, ASK_SECONDS = 10, 10.0
SHOWN_BODY, SHOWN_LINES = 500, 50
SECRET_LENGTH = 8
EVERYWHERE = str(IPv4Address(0))
FIX = "ansible-playbook playbooks/configure.yml --tags nginx rewrites and reloads nginx's configuration"


def without_secrets(line: str, values: list[str]) -> str:
    """Return a line without these values and without passwords of URLs."""
    for value in values:
        line = line.replace(value, "********")
    # To the last @ of the word: a password may hold one.
    line = re.sub(r"(://[^:/@\s]*:)\S*@", r"\1********@", line)
    # A token stands where a user's name would.
    return re.sub(r"://[^:/@\s]+@", "://********@", line)


def hidden(lines: list[str], values: list[str]) -> list[str]:
    """Return lines without secrets."""
    return [without_secrets(line, values) for line in lines]


def variables(environment: str) -> dict[str, str]:
    """Return the values of an environment file by name; the filter fastapi_app_environment_file writes it."""
    found = {}
    # Not splitlines: a value may have one of Unicode's line separators.
    for line in environment.split("\n"):
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            # An earlier version of the role wrote some values in single quotes.
            single = re.fullmatch(r"'(.*)'", value)
            found[name] = single[1] if single else re.sub(r"\\(.)", r"\1", re.sub(r'^"(.*)"$', r"\1", value))
    return found


def secret_values(environment: str) -> list[str]:
    """Return the values of an environment file, the longest first; short ones are no secrets."""
    values = {value for value in variables(environment).values() if len(value) >= SECRET_LENGTH}
    return sorted(values, key=len, reverse=True)


def leads_to(address: str, listens: str) -> bool:
    """Say whether who connects to ``address`` reaches what listens on ``listens``; both are host:port."""
    host, _dummy, port = address.replace("localhost", "127.0.0.1").rpartition(":")
    own, _dummy, own_port = listens.replace("localhost", "127.0.0.1").rpartition(":")
    return port == own_port and (host == own or own == EVERYWHERE)


def read_answer(answer: Answer) -> dict[str, Any]:
    """Return what nginx says of its upstreams; raises ValueError when it is something else."""
    if answer.status != 200:
        raise ValueError(answer.body if answer.status == 0 else f"status {answer.status}")
    try:
        # The names of other sites (app_shop_backend), and of earlier versions, which run until nginx.conf is written again.
        said = json.loads(re.sub(r'"\w+_(backend|candidate)"', r'"app_\1"', answer.body))
        return {"upstream": said["upstream"], "flag": said["flag"], "addresses": dict(said["addresses"])}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("the response is not from the role nginx") from error


class Checks:
    """Questions to one server. None of them changes anything; each ends early when the run has lost its lock."""

    def __init__(self, site: Site, host: Host) -> None:
        """Ask ``host`` about ``site``."""
        self.site, self.host = site, host

    @property
    def healthy_means(self) -> str:
        """Return in words what counts as healthy."""
        health = self.site.health
        body = f" and a body that matches {health.body}" if health.body else ""
        named = " that names the release" if health.names_release else ""
        statuses = " or ".join(str(status) for status in health.statuses)
        return f"Healthy means {health.times} times in a row status {statuses}{body}{named}."

    def probe(self, release: str, url: str, unit: str = "") -> None:
        """Wait until a release is healthy several times in a row; not if systemd had to start ``unit`` again and again."""
        health, clock, asked, healthy, wrong = self.site.health, self.host.clock, 0, 0, ""
        end = clock.monotonic() + health.tries * TRY_SECONDS
        while healthy < health.times:
            # The questions of a healthy streak do not count as tries: one that began is heard to its end.
            if asked - healthy >= health.tries or (wrong and clock.monotonic() >= end):
                break
            began = clock.monotonic()
            wrong = self.unhealthy(self.host.web.get(url, health.host, PROBE_TIMEOUT), release)
            asked += 1
            healthy = 0 if wrong else healthy + 1
            if wrong and unit and self.host.systemd.restarts(unit) >= RESTARTS:
                wrong += f"; {unit} has exited {RESTARTS} times"
                break
            if healthy < health.times:
                # One try a second, however long an answer takes.
                rest = PAUSE_UNHEALTHY - (clock.monotonic() - began)
                self.host.pause(max(0.0, rest) if wrong else PAUSE_HEALTHY)
        if healthy < health.times:
            raise StepError(f"GET {url}: {wrong}")

    def unhealthy(self, answer: Answer, release: str) -> str:
        """Return why an answer is not a healthy one, or nothing."""
        if answer.status == 0:
            return f"no response: {answer.body}"
        health = self.site.health
        shown = f"{answer.body[:SHOWN_BODY]}{'...' if len(answer.body) > SHOWN_BODY else ''}"
        shown = without_secrets(shown, self.secrets(release))
        if answer.status not in health.statuses:
            return f"status {answer.status}: {shown}"
        if not re.search(health.body, answer.body):
            return f"status {answer.status}, and the body does not match {health.body}: {shown}"
        if health.names_release and release not in answer.body:
            return f"status {answer.status}, and the body does not name the release {release}: {shown}"
        return ""

    def drain(self, port: int) -> None:
        """Wait until nobody is connected to a port any more, for a bounded time: open streams end only when somebody ends them."""
        clock, limit = self.host.clock, self.site.drain_seconds
        began = clock.monotonic()
        self.host.pause(min(GRACE, limit))
        while self.host.web.connections(port) and clock.monotonic() - began < limit:
            self.host.pause(PAUSE_DRAIN)

    def ask(self, upstream: str) -> None:
        """Raise StepError unless nginx says, several times in a row, that requests go to ``upstream``."""
        if not self.site.traffic_url:
            return
        clock, right, wrong = self.host.clock, 0, ""
        began = clock.monotonic()
        while right < ASK_TIMES:
            wrong = self.elsewhere(upstream)
            right = 0 if wrong else right + 1
            if wrong and clock.monotonic() - began >= ASK_SECONDS:
                raise StepError(wrong)
            if wrong:
                self.host.pause(PAUSE_ASK)

    def elsewhere(self, upstream: str) -> str:
        """Ask nginx once where requests go; return why that is not ``upstream``, or nothing."""
        url = self.site.traffic_url
        answer = self.host.web.get(url, "", ASK_TIMEOUT)
        try:
            found = self.differences(upstream, read_answer(answer))
        except ValueError as error:
            return (
                f"nginx does not report the target of its traffic: {url} (fastapi_app_traffic_url): {error}. {FIX}; with "
                "another web server leave fastapi_app_traffic_url empty."
            )
        if not found:
            return ""
        return (
            f"The running nginx does not send traffic to the {upstream}: {'; '.join(found)}. {FIX}; or correct "
            "the settings of the role nginx (nginx_backend_address, nginx_candidate_address, nginx_candidate_flag)."
        )

    def differences(self, upstream: str, answer: dict[str, Any]) -> list[str]:
        """Return in words what differs between nginx's configuration and what a deployment does."""
        site, found = self.site, []
        ours = {
            SERVICE: (f"{site.address}:{site.port}", "fastapi_app_port"),
            CANDIDATE: (f"127.0.0.1:{site.candidate_port}", "fastapi_app_candidate_port"),
        }
        for who, (listens, setting) in ours.items():
            address = str(answer["addresses"].get(UPSTREAMS[who], ""))
            if not leads_to(address, listens):
                found.append(
                    f"nginx sends the {who}'s traffic to {address or 'no address'}, but the {who} listens on {listens} ({setting})"
                )
        if answer["flag"] != str(site.flag):
            found.append(
                f"nginx checks for the file {answer['flag'] or 'without a name'}, but a deployment creates {site.flag} "
                "(fastapi_app_candidate_flag)"
            )
        if not found and answer["upstream"] != UPSTREAMS[upstream]:
            there = "exists, but nginx cannot see it" if upstream == CANDIDATE else "still exists"
            found.append(
                f"the upstream is {answer['upstream']}, not {UPSTREAMS[upstream]}: the file {site.flag} {there}"
            )
        return found

    def secrets(self, release: str) -> list[str]:
        """Return what a process of this release was started with and must not be shown."""
        files = (self.site.candidate_env_file(release), self.site.env_file(release))
        return secret_values("\n".join(self.host.files.text(file) for file in files))

    def last_lines(self, unit: str, log: Path, release: str) -> tuple[list[str], list[str]]:
        """Return the last lines of a process's log and of its unit's journal, without secrets."""
        values = self.secrets(release)
        printed, journal = (
            self.host.files.tail(log, SHOWN_LINES),
            self.host.systemd.journal(unit, SHOWN_LINES),
        )
        return hidden(printed, values), hidden(journal, values)
