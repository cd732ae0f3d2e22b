"""A rotation by labels: killed anywhere, the next run goes on with the same value; a finished one is forgotten."""

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.modules import secretsmanager_rotation as module

OLD = {"username": "owner", "password": "old-password"}


class SecretsManager:
    """One secret, with AWS's rules about labels: each is on one version, and AWSPREVIOUS follows AWSCURRENT."""

    def __init__(self, content):
        self.versions = {"v1": content}
        self.labels = {"AWSCURRENT": "v1"} if content is not None else {}
        self.writes = []

    def describe_secret(self, SecretId, aws_retry):  # noqa: N803 - the names of the API
        found = {version: [] for version in self.versions}
        for label, version in self.labels.items():
            found[version].append(label)
        return {"VersionIdsToStages": {version: labels for version, labels in found.items() if labels}}

    def get_secret_value(self, SecretId, VersionId, aws_retry):  # noqa: N803
        content = self.versions[VersionId]
        return {"SecretString": content if isinstance(content, str) else json.dumps(content)}

    def put_secret_value(self, SecretId, SecretString, VersionStages, aws_retry):  # noqa: N803
        version = f"v{len(self.versions) + 1}"
        self.versions[version] = json.loads(SecretString)
        self.labels |= dict.fromkeys(VersionStages, version)
        self.writes.append("put")

    def update_secret_version_stage(self, VersionStage, RemoveFromVersionId, aws_retry, **move):  # noqa: N803
        assert self.labels.get(VersionStage) == RemoveFromVersionId, "AWS refuses a label that is elsewhere"
        if "MoveToVersionId" in move:
            self.labels[VersionStage] = move["MoveToVersionId"]
            self.labels["AWSPREVIOUS"] = RemoveFromVersionId
        else:
            del self.labels[VersionStage]
        self.writes.append(VersionStage)

    def content(self, label):
        return self.versions[self.labels[label]]


@pytest.fixture
def secret(monkeypatch):
    fake = SecretsManager(OLD)
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service, retry_decorator: fake)
    return fake


@pytest.fixture
def reach(secret, capsys):
    def run(stage, check=False, **options):
        arguments = {"region": "ap-northeast-2", "name": "owner", "stage": stage, **options}
        with patch_module_args(arguments | {"_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_a_rotation_draws_promotes_and_ends(secret, reach):
    drawn = reach("pending", draw=["password"])
    assert drawn["changed"]
    assert not drawn["promoted"]
    assert drawn["previous"] == OLD
    assert drawn["next"]["username"] == "owner"
    assert len(drawn["next"]["password"]) == 32
    assert drawn["next"]["password"].isalnum()
    assert secret.content("AWSCURRENT") == OLD
    assert reach("current")["changed"]
    assert secret.content("AWSCURRENT") == drawn["next"]
    assert secret.content("AWSPREVIOUS") == OLD
    assert reach("finished")["changed"]
    assert "AWSPENDING" not in secret.labels
    assert secret.writes == ["put", "AWSCURRENT", "AWSPENDING"]


def test_an_unfinished_rotation_goes_on_with_its_value(secret, reach):
    drawn = reach("pending", draw=["password"])
    again = reach("pending", draw=["password"])
    assert (again["changed"], again["next"], again["previous"]) == (False, drawn["next"], OLD)
    reach("current")
    promoted = reach("pending", draw=["password"])
    assert (promoted["changed"], promoted["next"], promoted["previous"]) == (False, drawn["next"], OLD)
    assert promoted["promoted"]
    assert not reach("current")["changed"]
    reach("finished")
    assert reach("pending", draw=["password"])["next"]["password"] != drawn["next"]["password"]


def test_a_stage_that_is_reached_stays(secret, reach):
    assert not reach("current")["changed"]
    assert not reach("finished")["changed"]
    assert secret.writes == []


def test_the_old_value_is_kept_under_another_key_and_values_are_given(secret, reach):
    found = reach("pending", draw=["password"], keep={"password": "before"}, values={"until": "2026-12-01"})
    assert found["next"] == {
        "username": "owner",
        "password": found["next"]["password"],
        "before": "old-password",
        "until": "2026-12-01",
    }


def test_values_of_an_unfinished_rotation_are_given_anew_until_it_is_current(secret, reach):
    drawn = reach("pending", draw=["password"], values={"until": "2026-12-01"})
    checked = reach("pending", check=True, draw=["password"], values={"until": "2026-12-02"})
    assert (checked["changed"], secret.writes) == (True, ["put"])
    again = reach("pending", draw=["password"], values={"until": "2026-12-02"})
    assert again["next"] == drawn["next"] | {"until": "2026-12-02"} == secret.content("AWSPENDING")
    reach("current")
    late = reach("pending", draw=["password"], values={"until": "2026-12-03"})
    assert (late["changed"], late["next"]) == (False, again["next"])


def test_the_end_is_refused_before_the_value_is_current(secret, reach):
    reach("pending", draw=["password"])
    found = reach("finished")
    assert found["failed"]
    assert "is not the current one yet" in found["msg"]
    assert "AWSPENDING" in secret.labels


def test_check_mode_writes_nothing(secret, reach):
    found = reach("pending", check=True, draw=["password"])
    assert (found["changed"], found["next"]) == (True, {})
    reach("pending", draw=["password"])
    assert reach("current", check=True)["changed"]
    assert reach("finished", check=True)["changed"]
    assert secret.writes == ["put"]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (None, {"draw": ["password"]}, "has no value"),
        ("plain text", {"draw": ["password"]}, "is no JSON object"),
        ({"username": "owner"}, {"draw": ["password"]}, "has no key password"),
        ({"username": "owner"}, {"keep": {"key": "before"}}, "has no key key"),
    ],
)
def test_what_cannot_be_rotated_is_refused_without_its_value(secret, reach, content, options, words):
    secret.__init__(content)
    found = reach("pending", **options)
    assert found["failed"]
    assert words in found["msg"]
    assert secret.writes == []
