# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Judge what was looked at: what is fine, what needs a person, and what nobody could look at.

What cannot be read is never fine: it is "unknown", with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from .account_cost_report import support, used

Facts = Mapping[str, Any]
SCHEMA = "table_order.infra/status/1"
FINE, NOTE, ATTENTION, UNKNOWN = "fine", "note", "attention", "unknown"
LIMITS = {
    "disk_percent": (90, "how full a file system may be, in space and in files"),
    "memory_percent": (90, "how much of the memory may be in use"),
    "certificate_days": (21, "how long a certificate must still be valid"),
    "backup_hours": (26, "how old the last backup of the database may be"),
    "restorable_minutes": (20, "how far the latest restorable time may lie back"),
    "support_days": (180, "how long PostgreSQL's standard support must still last"),
}
"""What needs a person: the default of each limit, and what it is about."""
# States of a database in which it serves, and AWS works on it.
SERVING = ("available", "backing-up", "storage-optimization", "modifying", "configuring-enhanced-monitoring")
# AWS's own names for a cause.
ENDED = ("terminated", "shutting-down")


class UnknownError(Exception):
    """Something could not be looked at; the message is the reason."""


class Found(NamedTuple):
    """One line: its state, its text, what to do about it, and its value for programs."""

    state: str
    text: str
    do: str = ""
    value: Any = None


class Looks:
    """What was looked at, the limits, and the time of the look."""

    def __init__(self, facts: Facts) -> None:
        """Take the facts in the form of ``judge``."""
        self.facts = facts
        self.limits = {name: default for name, (default, _about) in LIMITS.items()} | dict(
            facts.get("limits") or {}
        )
        self.now = datetime.fromisoformat(facts["at"])
        self.account = _part(facts.get("account"))

    def read(self, name: str) -> Any:  # noqa: ANN401 - any result
        """Return what a read of the account found. Raises UnknownError."""
        return _found(self.account, name)

    def age(self, at: str) -> timedelta:
        """Return how long ago a time was."""
        return self.now - datetime.fromisoformat(at)

    def days_left(self, until: str) -> int:
        """Return the whole days until a time, negative after it."""
        return -self.age(until) // timedelta(days=1)

    def certificate(self, what: str, until: str, do: str) -> Found:
        """Return the line about a certificate that is valid until a time."""
        days = self.days_left(until)
        text = f"{what}: {days} days left ({until[:10]})" if days >= 0 else f"{what}: expired on {until[:10]}"
        soon = days < self.limits["certificate_days"]
        return Found(ATTENTION if soon else FINE, text, do if soon else "", days)


def limit_problems(limits: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a sentence for each limit that is unknown, or no number."""
    for name, value in limits.items():
        if name not in LIMITS:
            yield f"{prefix}{name} is an unknown key. Accepted: {', '.join(LIMITS)}."
        elif isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10000:
            yield f"{prefix}{name} is {value!r}. Accepted: a whole number from 0 to 10000: {LIMITS[name][1]}."


def _part(one: object) -> Facts:
    return one if isinstance(one, Mapping) else {"error": "It was not looked at."}


def _found(part: Facts, name: str) -> Any:  # noqa: ANN401 - any result
    if "error" in part:
        raise UnknownError(part["error"])
    one = _part(part["looks"].get(name))
    if "error" in one:
        raise UnknownError(one["error"])
    return one["found"]


def _ago(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def _shown(at: str) -> str:
    return f"{at[:10]} {at[11:16]}"


def _counted(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


# -- the service and its server ------------------------------------------------------------------------------


def public(looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge what answers at the public address."""
    one = _part(server.get("public"))
    if "status" not in one:
        raise UnknownError(one.get("error") or one["msg"])
    if one["error"]:
        yield Found(
            ATTENTION,
            f"{one['url']} does not answer: {one['error']}",
            "Look at the server below; guests see no page.",
        )
    else:
        wanted = looks.facts.get("healthy") or [200]
        state = FINE if one["status"] in wanted else ATTENTION
        yield Found(
            state,
            f"{one['url']} answers {one['status']} in {one['milliseconds']} ms",
            "" if state == FINE else "Look at the application below, and at nginx's log on the server.",
            one["status"],
        )


def servers(looks: Looks) -> Iterator[Found]:
    """Judge the number and the state of the servers, by AWS."""
    listed = looks.read("servers")
    alive = [one for one in listed if one["state"] not in ENDED]
    for one in alive:
        running = one["state"] == "running"
        yield Found(
            FINE if running else ATTENTION,
            f"{one['id']} {one['type']} is {one['state']}{'' if running or not one['why'] else ': ' + one['why']}",
            "" if running else "Start it in the EC2 console, or: ansible-playbook playbooks/provision.yml",
            one["id"],
        )
    if not alive:
        gone = "; ".join(f"{one['id']} is {one['state']}: {one['why']}" for one in listed)
        yield Found(
            ATTENTION, f"there is none{' (' + gone + ')' if gone else ''}", "docs/runbooks/recover_server.md"
        )
    if len(alive) > 1:
        yield Found(
            ATTENTION,
            f"{len(alive)} servers, expected one",
            "Terminate those that are not in service, or remove their tag Role.",
            len(alive),
        )


def server_checks(looks: Looks) -> Iterator[Found]:
    """Judge EC2's own checks, and what AWS plans for the servers."""
    for one in looks.read("server_checks"):
        if not {one["system"], one["instance"]} <= {"ok", "initializing", "not-applicable"}:
            yield Found(
                ATTENTION,
                f"{one['id']}: system {one['system']}, instance {one['instance']}",
                "Stop and start the server in the EC2 console: it moves to another machine.",
            )
        for event in one["events"] or []:
            if "[Completed]" not in event["what"] and "[Canceled]" not in event["what"]:
                yield Found(
                    ATTENTION,
                    f"AWS plans {event['code']} after {event['after'][:10]}: {event['what']}",
                    "Stop and start the server before that time.",
                )


def disks(looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the file systems: one line for all that are fine."""
    limit, listed = looks.limits["disk_percent"], _found(server, "disks")
    worst = max(max(one["percent"], one["inodes_percent"]) for one in listed)
    shown = ", ".join(f"{one['place']} {one['percent']} % ({one['free_gib']} GiB free)" for one in listed[:2])
    full = [one for one in listed if max(one["percent"], one["inodes_percent"]) >= limit]
    if full and full[0]["percent"] < limit:
        shown = f"{full[0]['place']} has used {full[0]['inodes_percent']} % of its files"
    do = "Find what is large: sudo du -xh / | sort -h | tail. Logs: docs/deployments.md" if full else ""
    yield Found(ATTENTION if full else FINE, f"disk {shown}", do, worst)


def memory(looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the memory."""
    one = _found(server, "memory")
    full = one["percent"] >= looks.limits["memory_percent"]
    text = f"memory {one['percent']} % of {one['total_mib']} MiB"
    text += f", swap {one['swap_percent']} %" if one["swap_percent"] else ""
    do = "Find what is large: ps aux --sort=-rss | head. A larger server: docs/runbooks/scale.md"
    yield Found(ATTENTION if full else FINE, text, do if full else "", one["percent"])


def units(_looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge systemd's units."""
    names = _found(server, "units")
    if names:
        do = f"sudo journalctl --unit {names[0]} --since -1h"
        yield Found(ATTENTION, f"{_counted(len(names), 'failed unit')}: {', '.join(names)}", do, names)
    else:
        yield Found(FINE, "no failed unit", "", [])


def updates(_looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the pending security updates."""
    one = _found(server, "updates")
    names = one["packages"]
    release = f"; release {one['release']} is there" if one["release"] else ""
    text = f"{_counted(len(names), 'pending security update')}{release}"
    if names:
        text += f": {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
    yield Found(
        ATTENTION if names else NOTE if release else FINE,
        text,
        "docs/runbooks/patch.md" if names else "",
        names,
    )


# -- the application -----------------------------------------------------------------------------------------


def release(_looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the live release, its health and its units."""
    one = _application(server)
    if not one["live"]:
        yield Found(ATTENTION, "no release is live", "ansible-playbook playbooks/deploy.yml", "")
        return
    yield Found(FINE, f"live {one['live_line']}", "", one["live"])
    yield Found(NOTE, f"previous {one['previous_line']}", "", one["previous"])
    if one["problem"]:
        yield Found(ATTENTION, f"not healthy: {one['problem']}", "docs/deployments.md", False)
    else:
        yield Found(FINE, "healthy", "", True)
    stopped = {unit: state for unit, state in one["units"].items() if state == "failed"}
    if stopped:
        do = f"sudo journalctl --unit {min(stopped)} --since -1h"
        yield Found(ATTENTION, f"failed: {', '.join(stopped)}", do, stopped)
    if one["candidate"]:
        yield Found(NOTE, f"requests go to the candidate {one['candidate']}", "", one["candidate"])


def deployment(_looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the deployment lock and the last entry of the audit log."""
    one = _application(server)
    if one["lock"] and one["lock_ended"]:
        do = "The run was killed: the next deployment continues or cleans up. ansible-playbook playbooks/deploy.yml"
        yield Found(ATTENTION, f"unfinished: {one['lock']}", do, one["lock"])
    elif one["lock"]:
        yield Found(NOTE, f"runs now: {one['lock']}", "", one["lock"])
    for entry in one["history"][-1:]:
        what = " ".join(str(entry.get(key, "")) for key in ("at", "who", "what", "release"))
        yield Found(NOTE, f"last {what}: {entry.get('result', '')}", "", entry)


def _application(server: Facts) -> Facts:
    one = _part(server.get("application", server if "error" in server else None))
    if "error" in one:
        raise UnknownError(one["error"])
    return one


# -- the database --------------------------------------------------------------------------------------------


def database(looks: Looks) -> Iterator[Found]:
    """Judge the state of the database."""
    one = _database(looks)
    if one is None:
        yield Found(ATTENTION, "there is none", "docs/runbooks/recover_database.md")
        return
    zones = ", two zones" if one["multi_az"] else ""
    text = f"{one['state']}, {one['type']}, {one['engine']} {one['version']}, {one['storage']} GiB{zones}"
    serves = one["state"] in SERVING
    do = "Look at the database's events in the RDS console. docs/runbooks/recover_database.md"
    yield Found(FINE if serves else ATTENTION, text, "" if serves else do, one["state"])
    pending = [name for name, value in (one["pending"] or {}).items() if value not in (None, {}, [])]
    if pending:
        yield Found(NOTE, f"AWS has not applied yet: {', '.join(sorted(pending))}", "", pending)


def _database(looks: Looks) -> Facts | None:
    return next((one for one in looks.read("databases") if one["id"] == looks.facts["database"]), None)


def beside(looks: Looks) -> Iterator[Found]:
    """Name the databases of procedures beside the service's, which cost as much as that."""
    for one in looks.read("databases"):
        if one["id"] != looks.facts["database"]:
            yield Found(
                ATTENTION,
                f"{one['id']} ({one['state']}, {one['type']}) is beside it, and costs money",
                "A backup check or a recovery left it: run that again, or delete it once it is not needed.",
                one["id"],
            )


def maintenance(looks: Looks) -> Iterator[Found]:
    """Judge what AWS wants to do to the database."""
    actions = looks.read("maintenance")
    for one in actions:
        when = one["at"] or one["forced"] or one["after"]
        by_itself = bool(one["forced"] or one["after"] or one["at"])
        yield Found(
            ATTENTION if by_itself else NOTE,
            f"pending {one['action']}{': ' + one['what'] if one['what'] else ''}"
            f"{', by AWS after ' + _shown(when) if when else ''}",
            "Choose the time yourself: RDS console, the database, Maintenance." if by_itself else "",
            one,
        )
    if not actions:
        yield Found(FINE, "no pending maintenance", "", [])


def standard_support(looks: Looks) -> Iterator[Found]:
    """Tell how long the major version has standard support, and what it costs afterwards."""
    one = _database(looks)
    if one is None:
        return
    properties = {
        "Engine": one["engine"],
        "EngineVersion": one["version"],
        "DBInstanceClass": one["type"],
        "MultiAZ": one["multi_az"],
    }
    its = support([{"type": "AWS::RDS::DBInstance", "name": one["id"], "properties": properties}], used(None))
    major = one["version"].partition(".")[0]
    if not its:
        raise UnknownError(f"The price table has no end of standard support for {one['engine']} {major}.")
    [those] = its
    days = (date.fromisoformat(those["ends"]) - looks.now.date()).days
    cost, third = those["monthly_usd"], those["third_year_usd"]
    price = "a price that no source gives" if cost is None else f"{cost:.2f} USD a month more"
    price += f", {third:.2f} from {those['third_year']}" if third is not None else ""
    begins = (
        f"{days} days of standard support left ({those['ends']})"
        if days >= 0
        else f"standard support ended on {those['ends']}"
    )
    soon = days < looks.limits["support_days"]
    do = "Plan the move to the next major version: AWS charges Extended Support by itself." if soon else ""
    yield Found(
        ATTENTION if soon else NOTE,
        f"PostgreSQL {major}: {begins}; then {price}",
        do,
        {"days": days, **those},
    )


def backups(looks: Looks) -> Iterator[Found]:
    """Judge the last backup."""
    one = _database(looks)
    if one is not None and not one["retention"]:
        yield Found(
            ATTENTION, "automated backups are off", "aws_database_backup_retention_days, then provision.yml"
        )
    done = [snapshot for snapshot in looks.read("snapshots") if snapshot["state"] == "available"]
    last = max(done, key=lambda snapshot: snapshot["made"], default=None)
    if last is None:
        yield Found(
            ATTENTION, "there is no backup yet", "A new database's first one takes about an hour; look again."
        )
        return
    age = looks.age(last["made"])
    old = age > timedelta(hours=looks.limits["backup_hours"])
    yield Found(
        ATTENTION if old else FINE,
        f"last backup {_shown(last['made'])} ({_ago(age)}, {last['kind']}) {last['id']}",
        "Look at the database's events in the RDS console; then: docs/runbooks/backup_check.md"
        if old
        else "",
        last["made"],
    )


def restorable(looks: Looks) -> Iterator[Found]:
    """Judge the latest restorable time, also of a database that is gone."""
    one = _database(looks)
    if one is None:
        kept = [backup for backup in looks.read("backups") if backup["last"]]
        for backup in kept:
            text = f"the database is gone; its backups are kept, restorable until {_shown(backup['last'])}"
            yield Found(NOTE, text, "docs/runbooks/recover_database.md", backup["last"])
        if not kept:
            yield Found(ATTENTION, "no restorable time: the backups are gone, too")
        return
    if one["retention"] and not one["restorable"]:
        yield Found(ATTENTION, "no restorable time yet", "Look again after the first backup.")
    elif one["restorable"]:
        age = looks.age(one["restorable"])
        late = age > timedelta(minutes=looks.limits["restorable_minutes"])
        yield Found(
            ATTENTION if late else FINE,
            f"restorable until {_shown(one['restorable'])} ({_ago(age)})",
            "Look at the database's events in the RDS console: its logs are not stored." if late else "",
            one["restorable"],
        )


# -- the cache, the alarms, the certificates, the changes --------------------------------------------------


def cache(looks: Looks) -> Iterator[Found]:
    """Judge the state of the cache."""
    listed = looks.read("caches")
    if not listed:
        yield Found(ATTENTION, "there is none", "docs/runbooks/recover_cache.md")
        return
    [one] = listed
    nodes = looks.read("cache_nodes")
    engine = ", ".join(sorted({f"{node['engine']} {node['version']}" for node in nodes}))
    away = [f"{node['id']} is {node['state']}" for node in nodes if node["state"] != "available"]
    serves = one["state"] in ("available", "modifying", "snapshotting")
    text = ", ".join(filter(None, [one["state"], one["type"], engine, _counted(len(nodes), "node"), *away]))
    do = (
        ""
        if serves
        else "Look at the cache's events in the ElastiCache console. docs/runbooks/recover_cache.md"
    )
    yield Found(FINE if serves else ATTENTION, text, do, one["state"])
    pending = [name for name, value in (one["pending"] or {}).items() if value not in (None, {}, [])]
    if pending:
        yield Found(NOTE, f"AWS has not applied yet: {', '.join(sorted(pending))}", "", pending)


def alarms(looks: Looks) -> Iterator[Found]:
    """Judge the alarms."""
    listed = looks.read("alarms")
    for one in listed:
        if one["state"] == "ALARM":
            since = f" since {_shown(one['since'])}" if one["since"] else ""
            yield Found(
                ATTENTION,
                f"{one['name']} is in ALARM{since}: {one['reason']}",
                "Open the alarm's metric in the CloudWatch console.",
                one["name"],
            )
    silent = [one["name"] for one in listed if not one["enabled"]]
    if silent:
        yield Found(
            ATTENTION,
            f"notifies no one: {', '.join(silent)}",
            "ansible-playbook playbooks/provision.yml",
            silent,
        )
    if not listed:
        yield Found(ATTENTION, "no alarm is defined", "ansible-playbook playbooks/provision.yml", [])
    elif not any(one["state"] == "ALARM" for one in listed):
        blind = [one["name"] for one in listed if one["state"] == "INSUFFICIENT_DATA"]
        text = f"{len(listed) - len(blind)} of {len(listed)} OK"
        yield Found(
            NOTE if blind else FINE,
            text + (f"; without data: {', '.join(blind)}" if blind else ""),
            "",
            blind,
        )


def pair(looks: Looks, server: Facts) -> Iterator[Found]:
    """Judge the certificates that nginx presents."""
    listed = _found(server, "certificates")
    for one in listed:
        name = ", ".join(one["names"][:2]) or one["file"]
        yield looks.certificate(
            f"{name} (nginx)",
            one["until"],
            f"Replace {one['file']}: nginx_tls_certificate_file, then configure.yml",
        )
    if not listed:
        yield Found(NOTE, "nginx presents no certificate")


def database_certificates(looks: Looks) -> Iterator[Found]:
    """Judge the certificate of the database, and of the authority that signed it."""
    one = _database(looks)
    if one is None:
        return
    if one["certificate"]:
        yield looks.certificate(
            "database",
            one["certificate"],
            "RDS renews it in the maintenance window; look at the pending maintenance.",
        )
    listed = looks.read("database_authorities")
    found = [authority for authority in listed if authority["id"] == one["authority"]]
    if not found:
        raise UnknownError(f"AWS does not list the database's authority {one['authority']}.")
    do = "Choose another authority for the database in the RDS console, after the server trusts its bundle."
    yield looks.certificate(f"database's authority {one['authority']}", found[0]["until"], do)


def managed_certificates(looks: Looks) -> Iterator[Found]:
    """Judge AWS Certificate Manager's certificates for the host name."""
    if looks.facts.get("host_name"):
        for one in looks.read("certificates"):
            if one["until"]:
                yield looks.certificate(
                    f"{one['name']} (ACM)",
                    one["until"],
                    "ACM renews it if its DNS record is there: ACM console.",
                )
            else:
                yield Found(ATTENTION, f"{one['name']} (ACM) is {one['state']}", "ACM console")


def last_run(looks: Looks) -> tuple[Facts | None, bool]:
    """Return the last content of the account's lock with its ``modified`` time, and whether that run works now."""
    listed = sorted(looks.read("lock"), key=lambda one: int(one["name"].rpartition("/")[2]))
    if not listed:
        return None, False
    last = {**listed[-1]["content"], "modified": listed[-1]["modified"]}
    expired = last["state"] == "held" and looks.age(last["modified"]).total_seconds() > last["lease"]
    return last, last["state"] == "held" and not expired and not looks.facts.get("lock_ended")


def lock(looks: Looks) -> Iterator[Found]:
    """Judge the account's lock."""
    content, works = last_run(looks)
    if content is None:
        yield Found(NOTE, "no run has changed the account yet")
        return
    run = f"{content['what']} by {content['who']}"
    since = f"{run} since {content['since']}"
    if content["state"] == "free":
        yield Found(FINE, f"last: {run}, ended {_shown(content['modified'])}", "", content)
    elif not works:
        yield Found(
            ATTENTION,
            f"killed: {since}",
            "Run the same command again; it continues where it stopped.",
            content,
        )
    else:
        yield Found(NOTE, f"runs now: {since}", "", content)


def procedures(looks: Looks) -> Iterator[Found]:
    """Name the procedures that have not ended, unless one runs now."""
    listed = looks.read("procedures")
    works = bool(listed) and last_run(looks)[1]
    for one in listed:
        verb = one["name"].split("/procedure/", 1)[-1].partition("/")[0]
        yield Found(
            NOTE if works else ATTENTION,
            f"{'under way' if works else 'unfinished'}: {verb}, last step {_shown(one['modified'])}",
            "" if works else f"Run it again; it continues: docs/runbooks/{verb}.md",
            one["name"],
        )


# -- the whole -----------------------------------------------------------------------------------------------

ACCOUNT: Sequence[tuple[str, str, Callable[[Looks], Iterator[Found]]]] = (
    ("Server", "servers", servers),
    ("Server", "EC2's checks", server_checks),
    ("Database", "state", database),
    ("Database", "databases beside it", beside),
    ("Database", "pending maintenance", maintenance),
    ("Database", "standard support", standard_support),
    ("Backups", "last backup", backups),
    ("Backups", "latest restorable time", restorable),
    ("Cache", "state", cache),
    ("Alarms", "alarms", alarms),
    ("Certificates", "database", database_certificates),
    ("Certificates", "ACM", managed_certificates),
    ("Changes", "account lock", lock),
    ("Changes", "procedures", procedures),
)
SERVER: Sequence[tuple[str, str, Callable[[Looks, Facts], Iterator[Found]]]] = (
    ("Service", "public address", public),
    ("Server", "disks", disks),
    ("Server", "memory", memory),
    ("Server", "units", units),
    ("Server", "security updates", updates),
    ("Application", "release", release),
    ("Application", "deployment", deployment),
    ("Certificates", "server", pair),
)
AREAS = (
    "Service",
    "Server",
    "Application",
    "Database",
    "Backups",
    "Cache",
    "Alarms",
    "Certificates",
    "Changes",
)


def judge(facts: Facts) -> dict[str, Any]:
    """Return the status as docs/status.schema.json describes it.

    ``facts`` has ``at`` (ISO 8601), ``service``, ``environment``, ``region``, ``database`` (its identifier), ``host_name``,
    ``limits``, ``healthy`` (statuses), ``seconds``, ``lock_ended`` (whether the account lock's holder has ended), ``account`` (the
    result of account_status_info, or ``error``) and ``servers``, by name: ``public``, ``looks`` or ``error``, ``application``.
    """
    looks = Looks(facts)
    checks = [check for area, what, rule in ACCOUNT for check in _checks(area, what, lambda r=rule: r(looks))]
    hosts = facts["servers"]
    for name, server in hosts.items():
        for area, what, rule in SERVER:
            for check in _checks(area, what, lambda r=rule, s=server: r(looks, s)):
                text = check["text"] if len(hosts) == 1 else f"{name}: {check['text']}"
                checks.append({**check, "text": text})
    if not hosts:
        checks.append(_check("Service", "public address", Found(ATTENTION, "no server runs")))
    checks.sort(key=lambda check: AREAS.index(check["area"]))
    states = {check["state"] for check in checks}
    status = next((state for state in (ATTENTION, UNKNOWN) if state in states), FINE)
    try:
        account = looks.read("account")
    except UnknownError:
        account = None
    return {
        "schema": SCHEMA,
        "status": status,
        "service": facts["service"],
        "environment": facts["environment"],
        "account": account,
        "region": facts["region"],
        "at": looks.now.astimezone(UTC).isoformat(timespec="seconds"),
        "checks": checks,
    }


def _checks(area: str, what: str, rule: Callable[[], Iterator[Found]]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a rule, and one that says why there are no more."""
    try:
        for found in rule():
            yield _check(area, what, found)
    except UnknownError as error:
        yield _check(area, what, Found(UNKNOWN, str(error)))


def _check(area: str, what: str, found: Found) -> dict[str, Any]:
    return {"area": area, "what": what, **found._asdict()}
