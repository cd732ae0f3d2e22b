"""The evaluator decides as AWS does: compared, case by case, with @cloud-copilot/iam-simulate.

Where node and the package are to be had (made by the fixture, in .state/simulate; AGPL: a tool beside the project, not part
of it) the answers are asked for; everywhere the recorded ones, verdicts.json, are compared.
Write them again with: WRITE_VERDICTS=1 pytest tests/unit/policies/test_simulation.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

import iam
from local_cloud.calls import Call
from local_cloud.needs import needs
from local_cloud.policies import Need, allowed
from tests.unit.policies.calls import ACCOUNT, BOUNDARY, NAME, ROLE, Ours, arn, calls

ROOT = Path(__file__).parents[3]
VERDICTS = Path(__file__).parent / "verdicts.json"
PACKAGE = ROOT / ".state/simulate"
ABOUT = iam.Target("production", "ap-northeast-2", ACCOUNT)
POLICIES = [iam.render(policy, ABOUT) for policy in iam.POLICIES]
LIMIT = iam.render(iam.BOUNDARY, ABOUT)
EVERYTHING = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
SERVER = [
    ("s3:GetObject", f"arn:aws:s3:::{NAME}-menu-images-{ACCOUNT}/menus/1/a.png", {}),
    ("s3:GetObject", "arn:aws:s3:::somebody-elses/menus/1/a.png", {}),
    ("s3:DeleteBucket", f"arn:aws:s3:::{NAME}-menu-images-{ACCOUNT}", {}),
    ("secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{NAME}/app/settings-AbCdEf"), {}),
    ("secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{NAME}/rds/master-AbCdEf"), {}),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x", {}),
    ("ec2:DescribeTags", "*", {}),
    ("logs:PutLogEvents", arn("logs", f"log-group:/aws/ec2/{NAME}/nginx:log-stream:i-1"), {}),
]


def cases() -> list[Need]:
    """Return what the playbooks need, and the same in another region, environment, account and with another name."""
    found = []
    for call in calls():
        found += needs(call, Ours())
        found += needs(Call(call.service, call.action, call.parameters, "us-east-1"), Ours("staging", ""))
    other = json.dumps([[need.action, need.resource, dict(need.context)] for need in found])
    for old, new in ((NAME, "somebody-elses"), (ACCOUNT, "999999999999")):
        found += [Need(*one) for one in json.loads(other.replace(old, new))]
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    found += [
        Need("iam:CreateRole", role),
        Need("iam:AttachRolePolicy", role, {"iam:PermissionsBoundary": BOUNDARY}),
        Need("iam:DeleteRolePermissionsBoundary", role, {"iam:PermissionsBoundary": BOUNDARY}),
        Need("iam:CreatePolicyVersion", BOUNDARY),
        Need("iam:DeletePolicy", BOUNDARY),
        Need("iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}),
        Need("iam:PassRole", role),
    ]
    unique = {json.dumps([need.action, need.resource, dict(need.context)]): need for need in found}
    return [need for need in unique.values() if told(need)]


def told(need: Need) -> bool:
    """Tell whether the package can say: it does not know parameters without an account, which are AWS's own."""
    return "::parameter/aws/service/" not in need.resource


def key(need: Need) -> str:
    """Return what names a case in verdicts.json."""
    text = json.dumps([need.action, need.resource, dict(sorted(need.context.items()))])
    return f"{need.action} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def tables() -> dict[str, tuple[list[dict], dict | None, list[Need]]]:
    """Return the policies, the boundary and the cases of each comparison."""
    return {
        "operator": (POLICIES, None, cases()),
        "server": (EVERYTHING, LIMIT, [Need(*one) for one in SERVER]),
    }


@pytest.fixture(scope="module")
def simulate():
    """Return a function that asks the package; None, with a warning, where it is not to be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        warnings.warn("no node: only the recorded verdicts are compared", stacklevel=1)
        return None
    if not (PACKAGE / "node_modules/@cloud-copilot/iam-simulate").is_dir():
        PACKAGE.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(PACKAGE)]
        try:
            subprocess.run(
                [*install, "@cloud-copilot/iam-simulate@0.1.173"],
                check=True,
                capture_output=True,
                timeout=120,
            )
        except (subprocess.SubprocessError, OSError) as error:
            warnings.warn(f"only the recorded verdicts are compared: {error}", stacklevel=1)
            return None

    def ask(policies, boundary, needed):
        shown = [[need.action, need.resource.replace("/*", "/new"), dict(need.context)] for need in needed]
        document = {"policies": policies, "boundary": boundary, "cases": shown}
        answer = subprocess.run(
            ["node", str(ROOT / "tests/simulate/simulate.mjs"), str(PACKAGE)],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return json.loads(answer.stdout)

    return ask


def test_the_evaluator_says_what_was_recorded():
    recorded = json.loads(VERDICTS.read_text())
    for name, (policies, boundary, needed) in tables().items():
        own = {key(need): allowed(need, policies, boundary) for need in needed}
        assert recorded[name] == own, (
            f"{name}: write them again with WRITE_VERDICTS=1, and look at the difference"
        )


@pytest.mark.parametrize("name", ["operator", "server"])
def test_the_evaluator_says_what_the_simulator_says(name, simulate):
    policies, boundary, needed = tables()[name]
    if simulate is None:
        return  # test_the_evaluator_says_what_was_recorded has compared them
    answers = simulate(policies, boundary, needed)
    errors = [
        f"{need}: {answer['error']}"
        for need, answer in zip(needed, answers, strict=True)
        if "error" in answer
    ]
    assert not errors, "\n".join(errors)
    different = [
        f"{need}: {answer['result']}"
        for need, answer in zip(needed, answers, strict=True)
        if (answer["result"] == "Allowed") != allowed(need, policies, boundary)
    ]
    assert not different, "\n".join(different)
    if os.environ.get("WRITE_VERDICTS"):
        recorded = json.loads(VERDICTS.read_text()) if VERDICTS.exists() else {}
        verdicts = {
            key(need): answer["result"] == "Allowed" for need, answer in zip(needed, answers, strict=True)
        }
        VERDICTS.write_text(json.dumps({**recorded, name: verdicts}, indent=1) + "\n")
