# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Judge the deployment document's regular maintenance tasks: what is fine, what needs a person, and what nobody could look at.

As in status.py, what cannot be read is never fine. Sentences are pairs, English and Korean; details are names and figures.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from .account_cost import MONTH, amount
from .right_size import advise
from .status import ATTENTION, FINE, NOTE, UNKNOWN, Facts, Looks, UnknownError

SCHEMA = "table_order.infra/maintenance/1"
Both = tuple[str, str]
DAYS = {"secret": 90, "access key": 90, "recovery": 35, "image": 90}
"""How old each may be."""
ROWS = 10_000
"""Of a smaller table a scan is quick, and dead rows are few."""
SLOW_MS, OFTEN, HITS, DEAD, CHARTED = 500, 10, 0.95, 0.2, 7
NOTHING: Both = ("", "")
WORST = (ATTENTION, UNKNOWN, NOTE, FINE)


class Judged(NamedTuple):
    """An item's state, what was found, what to do about it, and the names and figures behind it."""

    state: str
    text: Both
    do: Both = NOTHING
    details: Sequence[str] = ()


class Item(NamedTuple):
    """A line of the deployment document's lists."""

    list: str
    id: str
    title: Both
    runbook: str
    rule: Callable[[Looks], Judged]


def _part(looks: Looks, name: str, key: str) -> Any:  # noqa: ANN401 - any result
    """Return a part of the facts, which has ``key`` if it was read. Raises UnknownError with the reason otherwise."""
    part = looks.facts.get(name) or {}
    if key not in part:
        raise UnknownError(part.get("error") or part.get("msg") or "It was not looked at.")
    return part


def _checks(looks: Looks, *wanted: tuple[str, str]) -> Judged:
    """Judge by lines of the status, each named by its area and its name."""
    lines = [
        one for one in _part(looks, "status", "checks")["checks"] if (one["area"], one["what"]) in wanted
    ]
    if not lines:
        raise UnknownError("The status does not say it.")
    lines.sort(key=lambda one: WORST.index(one["state"]))
    bad = sum(one["state"] in (ATTENTION, UNKNOWN) for one in lines)
    number = f"{bad}/{len(lines)}" if bad else len(lines)
    text = (
        (f"not fine: {number}", f"정상이 아닌 것: {number}")
        if bad
        else (f"all fine: {number}", f"모두 정상: {number}")
    )
    do = ("Do what the lines below say.", "아래 줄의 안내를 따르십시오.") if bad else NOTHING
    return Judged(lines[0]["state"], text, do, [_line(one["text"], one["do"]) for one in lines])


def _unknown(error: UnknownError) -> Judged:
    return Judged(UNKNOWN, ("could not be looked at", "확인할 수 없음"), NOTHING, [str(error)])


def _line(text: str, do: str) -> str:
    return f"{text} → {do}" if do else text


# CloudWatch's filter, in the playbook, knows words only; this decides, also for a filter that lets more through.
ERROR = re.compile(
    r'"level": ?"(error|critical)"|\[(error|crit|alert|emerg)\]|\b(ERROR|CRITICAL|FATAL|Traceback|panic|segfault)\b'
)
# What differs between two messages of a kind, and may be a guest's: texts in quotation marks, addresses, numbers.
OWN = re.compile(r"\"[^\"]*\"|'[^']*'|\b[\w.+-]+@[\w.-]+|\b[0-9a-f]*\d[\w:.-]*", re.IGNORECASE)


def normal(message: str) -> str:
    """Return what messages of a kind have in common, without what they are about."""
    try:
        entry = json.loads(message)
        words = [entry["logger"], entry["message"], *str(entry.get("exception", "")).splitlines()[-1:]]
    except (ValueError, TypeError, KeyError):
        words = [message]
    return " ".join(OWN.sub("…", ": ".join(map(str, words))).split())[:160]


def logs(looks: Looks) -> Judged:
    """Judge the errors of a day, by log group and kind."""
    kinds: Counter[str] = Counter()
    details, unknown = [], []
    for one in _part(looks, "logs", "results")["results"]:
        group = one["item"]
        if not one.get("exists"):
            unknown.append(f"{group}: {one.get('msg') or 'there is no such log group'}")
            continue
        kinds.update(f"{group}: {normal(message)}" for message in one["messages"] if ERROR.search(message))
        if not one["complete"]:
            details.append(f"{group}: there are more; only the first {len(one['messages'])} lines were read")
    number = kinds.total()
    text = (
        f"{number} errors of {len(kinds)} kinds in 24 hours",
        f"24시간 동안 오류 {number}건, {len(kinds)}종류",
    )
    do = (
        "Read them in CloudWatch Logs: docs/deployments.md",
        "CloudWatch Logs에서 확인: docs/deployments.md",
    )
    details = [f"{count}x {kind}" for kind, count in kinds.most_common(30)] + details + unknown
    if number:
        return Judged(ATTENTION, text, do, details)
    if unknown:
        raise UnknownError("; ".join(unknown))
    return Judged(FINE, text, NOTHING, details)


def metrics(looks: Looks) -> Judged:
    """Judge by the alarms whether a metric needs somebody; the charts show them all."""
    alarms = _checks(looks, ("Alarms", "alarms"))
    charted = charts(_part(looks, "metrics", "metrics")["metrics"])
    if not charted:
        raise UnknownError(
            f"CloudWatch has no values of the last {CHARTED} days; the alarms: {alarms.text[0]}"
        )
    number = len(charted)
    return alarms._replace(
        text=(f"{alarms.text[0]}; {number} charts below", f"{alarms.text[1]}; 아래 차트 {number}개")
    )


def charts(series: Mapping[str, Sequence[Sequence[float]]]) -> list[dict[str, Any]]:
    """Return the metrics of the last days that have values: ``name``, ``unit`` and ``values``, pairs of time and value."""
    newest = max((values[-1][0] for values in series.values() if values), default=0)
    found = []
    for name, values in sorted(series.items()):
        recent = [list(pair) for pair in values if pair[0] > newest - CHARTED * 86400]
        figure = name.rpartition(" ")[2]
        if recent:
            unit = "%" if figure in ("cpu", "memory", "disk") else "GiB" if figure == "free" else ""
            size = 2**30 if figure == "free" else 1
            values = [[time, round(value / size, 2)] for time, value in recent]
            found.append({"name": name, "unit": unit, "values": values})
    return found


def _drift(looks: Looks, *types: str) -> Judged:
    """Judge by the plan the resources whose type begins with one of these."""
    plan = _part(looks, "plan", "resources")
    details = []
    for one in plan["resources"]:
        if one["type"].startswith(types) and one["action"] != "none":
            changed = ", ".join(
                change["property"]
                if change["sensitive"] or change["unknown"]
                else f"{change['property']} {_short(change, 'before', 'after')} → {_short(change, 'after', 'before')}"
                for change in one["changes"]
            )
            details.append(f"{one['type']} {one['name']}: {one['action']} {changed}")
    details += [
        f"{one['type']} {one['name'] or one['id']}: {one['why']}"
        for one in plan["unmanaged"]
        if one["type"].startswith(types)
    ]
    denied = [
        one["action"]
        for one in plan["denied"]
        if not one["types"] or any(kind.startswith(types) for kind in one["types"])
    ]
    if details:
        text = (f"{len(details)} differences from the design", f"설계와 다른 점 {len(details)}개")
        do = (
            "scripts/plan shows all; playbooks/provision.yml restores what the settings say. Remove what is not needed.",
            "scripts/plan이 모두 보여 줍니다. playbooks/provision.yml이 설정대로 되돌립니다. 필요 없는 것은 지우십시오.",
        )
        return Judged(ATTENTION, text, do, details)
    if denied:
        raise UnknownError(f"AWS denied {', '.join(denied)}")
    return Judged(FINE, ("as designed", "설계와 같음"))


def _short(change: Mapping[str, Any], side: str, other: str) -> str:
    """Return one side of a change; of two lists only what the other lacks."""
    value, beside = change[side], change[other]
    if isinstance(value, list) and isinstance(beside, list):
        value = [one for one in value if one not in beside]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


def unused(looks: Looks) -> Iterator[tuple[str, Decimal | None]]:
    """Yield each resource that nothing uses, with its cost in a month, None without a price."""
    for one in looks.read("addresses"):
        if not one["used"]:
            yield f"address {one['address']} ({one['id']})", amount(Decimal(MONTH), "ipv4")
    for one in looks.read("volumes"):
        if one["state"] == "available":
            yield (
                f"volume {one['id']}, {one['gib']} GiB",
                amount(Decimal(one["gib"]), f"ebs:{one['kind']}"),
            )
    for one in looks.read("interfaces"):
        if one["state"] == "available":
            yield f"network interface {one['id']}", Decimal(0)
    images = looks.read("images")
    of_images = {snapshot for one in images for snapshot in one["snapshots"] or []}
    for one in looks.read("snapshots"):
        if one["id"] not in of_images:
            yield f"snapshot {one['id']} without an image, {one['gib']} GiB", None
    for one in images:
        if looks.age(one["made"]).days > DAYS["image"]:
            yield f"image {one['name']} ({one['id']}), {looks.age(one['made']).days} days old", None


def costs(looks: Looks) -> Judged:
    """Judge what the site costs, what nothing uses, and which sizes the load asks for."""
    cost = _part(looks, "plan", "resources")["cost"]
    left = list(unused(looks))
    found = _part(looks, "resources", "resources")
    series = _part(looks, "metrics", "metrics")["metrics"]
    advice = advise(found["resources"], series, looks.facts["status"]["region"])
    wanted = [one for one in advice if one["advice"] in ("smaller", "larger")]
    monthly = None if cost is None else cost["monthly_before"]
    usd = ("an unknown sum", "알 수 없음") if monthly is None else (f"{monthly:.2f} USD",) * 2
    text = (
        f"about {usd[0]} a month; {len(left)} unused resources, {len(wanted)} sizes to change",
        f"월 약 {usd[1]}; 쓰이지 않는 자원 {len(left)}개, 바꿀 크기 {len(wanted)}개",
    )
    details = [
        f"{name}: {'no price' if price is None else f'{price:.2f} USD a month'}" for name, price in left
    ]
    details += [
        f"{one['name']}: {one['size']} → {one['to']} ({one['setting']}): {'; '.join(one['reasons'])}"
        for one in wanted
    ]
    if left or wanted:
        do = (
            "Delete what is not needed in the console; change sizes in the settings, then playbooks/scale.yml.",
            "필요 없는 것은 콘솔에서 지우고, 크기는 설정에서 바꾼 뒤 playbooks/scale.yml을 실행하십시오.",
        )
        return Judged(ATTENTION, text, do, details)
    short = any(one["advice"] == "unknown" for one in advice)
    return Judged(NOTE if short or monthly is None else FINE, text, NOTHING, details)


def recovery(looks: Looks) -> Judged:
    """Judge when the database was last restored for a test, and with what RTO and RPO."""
    done = {one["name"].rpartition("/")[2]: one for one in looks.read("done")}
    details = [f"{verb}: {one['modified'][:10]}" for verb, one in sorted(done.items())]
    do = (
        "Restore the backups beside the database: playbooks/backup_check.yml",
        "백업을 데이터베이스 옆에 복원해 보십시오: playbooks/backup_check.yml",
    )
    if "backup_check" not in done:
        return Judged(ATTENTION, ("never tested", "시험한 적이 없음"), do, details)
    one = done["backup_check"]
    age, content = looks.age(one["modified"]).days, one["content"]
    figures = f"RTO {content['rto']} s, RPO {content['rpo']} s"
    text = (f"tested {age} days ago: {figures}", f"{age}일 전 시험: {figures}")
    old = age > DAYS["recovery"]
    return Judged(ATTENTION if old else FINE, text, do if old else NOTHING, details)


def credentials(looks: Looks) -> Judged:
    """Judge the ages of the secrets and of the caller's own access keys, and the certificates."""
    aged = [("secret", one["name"], one["changed"]) for one in looks.read("secrets")]
    aged += [("access key", one["id"], one["made"]) for one in looks.read("keys") if one["state"] == "Active"]
    if not any(kind == "secret" for kind, _name, _at in aged):
        raise UnknownError("The service has no secret.")
    old = sum(looks.age(at).days > DAYS[kind] for kind, _name, at in aged)
    pairs = _checks(looks, *(("Certificates", what) for what in ("server", "database", "ACM")))
    details = [*pairs.details, *(f"{kind} {name}: {looks.age(at).days} days" for kind, name, at in aged)]
    text = (
        f"{old} of {len(aged)} older than 90 days; certificates: {pairs.text[0]}",
        f"{len(aged)}개 가운데 {old}개가 90일을 넘음; 인증서: {pairs.text[1]}",
    )
    do = (
        "Secrets: playbooks/rotate_secrets.yml. Keys: make a new one, use it, delete the old one.",
        "비밀: playbooks/rotate_secrets.yml. 액세스 키: 새로 만들어 쓰고 이전 키를 지우십시오.",
    )
    return Judged(ATTENTION if old else pairs.state, text, do if old else pairs.do, details)


def audit(looks: Looks) -> Judged:
    """Judge all of the design; the rest of an audit is a person's."""
    try:
        found = _drift(looks, "")
    except UnknownError as error:
        found = _unknown(error)
    rest = (
        "MFA, SSO, CloudTrail, and who holds which policy: no program here checks them; a person does.",
        "MFA, SSO, CloudTrail, 누가 어떤 정책을 가졌는지는 프로그램이 확인하지 않습니다. 사람이 확인하십시오.",
    )
    state = NOTE if found.state == FINE else found.state
    do = tuple(f"{one} {other}".strip() for one, other in zip(found.do, rest, strict=True))
    return found._replace(state=state, do=do)


def performance(looks: Looks) -> Judged:
    """Judge PostgreSQL's statistics."""
    found = _part(looks, "database", "tables")
    hits, reads = found["database"]["hits"], found["database"]["reads"]
    ratio = hits / (hits + reads) if hits + reads else 1
    bad, details = [], [f"{ratio:.1%} of {hits + reads} blocks were in memory"]
    if ratio < HITS and hits + reads > ROWS:
        bad.append("more memory would help: docs/runbooks/scale.md")
    for one in found["tables"]:
        if one["rows"] + one["dead"] < ROWS:
            continue
        if one["dead"] > DEAD * (one["rows"] + one["dead"]):
            bad.append(f"{one['name']}: {one['dead']} dead beside {one['rows']} rows: VACUUM")
        if one["scans"] > one["index_scans"]:
            bad.append(
                f"{one['name']}: {one['scans']} scans of {one['rows']} rows, {one['index_scans']} by an index"
            )
    statements = found["statements"]
    for one in statements or []:
        line = f"{one['mean_ms']:.1f} ms, {one['calls']} times: {one['statement']}"
        slow = one["mean_ms"] > SLOW_MS and one["calls"] >= OFTEN
        (bad if slow else details).append(line)
    details += [f"unused index {one['name']}, {one['bytes'] // 1024} KiB" for one in found["unused_indexes"]]
    text = (f"{len(bad)} things to improve", f"개선할 점 {len(bad)}개")
    if bad:
        return Judged(
            ATTENTION,
            text,
            (
                "Add an index, or change the statement, in a migration.",
                "마이그레이션에서 인덱스를 더하거나 쿼리를 고치십시오.",
            ),
            bad + details,
        )
    if statements is None:
        do = (
            "Statements are unknown: CREATE EXTENSION pg_stat_statements, once, as the master user.",
            "쿼리는 알 수 없음: 마스터 사용자로 한 번 CREATE EXTENSION pg_stat_statements를 실행하십시오.",
        )
        return Judged(NOTE, text, do, details)
    return Judged(FINE, text, NOTHING, details)


def dependencies(looks: Looks) -> Judged:
    """Judge which packages of the live release have newer versions."""
    index, *lists = _part(looks, "packages", "results")["results"]
    for one in (index, *lists):
        if one.get("skipped"):
            raise UnknownError("no release is live")
        if one.get("rc") != 0:
            said = str(one.get("stderr") or one.get("msg") or "").strip().splitlines()
            raise UnknownError(f"pip on the server: {said[-1] if said else 'no answer within a minute'}")
    behind = json.loads(lists[0]["stdout"])
    details = [f"{one['name']} {one['version']} → {one['latest_version']}" for one in behind]
    text = (f"{len(behind)} packages are behind", f"뒤처진 패키지 {len(behind)}개")
    do = (
        "Update the application's lock file, run its tests, deploy.",
        "애플리케이션의 잠금 파일을 갱신하고 테스트한 뒤 배포하십시오.",
    )
    return Judged(ATTENTION if behind else FINE, text, do if behind else NOTHING, details)


# -- the whole -----------------------------------------------------------------------------------------------

# fmt: off
ITEMS = (
    Item("daily", "logs", ("Review CloudWatch Logs for errors", "CloudWatch 로그의 오류"), "docs/deployments.md", logs),
    Item("daily", "backups", ("RDS automated backups", "RDS 자동 백업"), "docs/runbooks/backup_check.md",
         lambda looks: _checks(looks, ("Backups", "last backup"), ("Backups", "latest restorable time"))),
    Item("weekly", "metrics", ("Review CloudWatch metrics", "CloudWatch 지표"), "docs/runbooks/status.md", metrics),
    Item("weekly", "disks", ("Disk space on EC2", "EC2 디스크 공간"), "docs/runbooks/status.md",
         lambda looks: _checks(looks, ("Server", "disks"))),
    Item("weekly", "security_groups", ("Security group rules", "보안 그룹 규칙"), "docs/plan.md",
         lambda looks: _drift(looks, "AWS::EC2::SecurityGroup")),
    Item("monthly", "patches", ("OS security patches", "OS 보안 패치"), "docs/runbooks/patch.md",
         lambda looks: _checks(looks, ("Server", "security updates"), ("Database", "pending maintenance"))),
    Item("monthly", "costs", ("Review and optimize costs", "비용 검토와 최적화"), "docs/cost.md", costs),
    Item("monthly", "recovery", ("Test disaster recovery", "재해 복구 시험"), "docs/runbooks/backup_check.md", recovery),
    Item("monthly", "credentials", ("Rotate credentials", "자격 증명 교체"), "docs/runbooks/rotate_secrets.md", credentials),
    Item("quarterly", "policies", ("Review IAM policies", "IAM 정책 검토"), "docs/plan.md",
         lambda looks: _drift(looks, "AWS::IAM::", "iam:", "AWS::S3::")),
    Item("quarterly", "audit", ("Security audit", "보안 감사"), "docs/decisions/README.md", audit),
    Item("quarterly", "performance", ("Database performance", "데이터베이스 성능"), "docs/runbooks/scale.md", performance),
    Item("quarterly", "dependencies", ("Application dependencies", "애플리케이션 의존성"), "docs/deployments.md", dependencies),
)
# fmt: on


def judge(facts: Facts) -> dict[str, Any]:
    """Return the report as docs/maintenance.schema.json describes it.

    ``facts`` has ``at`` (ISO 8601), ``lists`` (names), ``status`` (docs/status.schema.json), ``plan`` (docs/plan.schema.json), and
    what tasks registered: ``resources`` (account_resources_info), ``account`` (account_maintenance_info), ``metrics``
    (cloudwatch_metrics_info), ``database`` (db_migrate_performance_info), and, with ``results``, ``logs``
    (cloudwatch_log_events_info for each group) and ``packages`` (pip's answers: whether the index knows pip, and its list).
    A part that is missing or has no result was not read; its ``error`` or ``msg`` says why.
    """
    account = facts.get("account") or {}
    if "looks" not in account:
        account = {"error": account.get("error") or account.get("msg") or "It was not looked at."}
    looks = Looks({**facts, "account": account})
    items = []
    for item in ITEMS:
        if item.list not in facts["lists"]:
            continue
        try:
            found = item.rule(looks)
        except UnknownError as error:
            found = _unknown(error)
        said = {
            name: dict(zip(("en", "ko"), pair, strict=True))
            for name, pair in {"title": item.title, "text": found.text, "do": found.do}.items()
        }
        items.append(
            {
                "list": item.list,
                "id": item.id,
                "state": found.state,
                **said,
                "runbook": item.runbook,
                "details": list(found.details),
            }
        )
    states = {one["state"] for one in items}
    status = facts["status"]
    series = (facts.get("metrics") or {}).get("metrics") or {}
    return {
        "schema": SCHEMA,
        "status": next((state for state in (ATTENTION, UNKNOWN) if state in states), FINE),
        **{name: status[name] for name in ("service", "environment", "account", "region")},
        "at": facts["at"],
        "items": items,
        "charts": charts(series) if "weekly" in facts["lists"] else [],
    }
