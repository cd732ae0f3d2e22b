"""Runs a module of this repository in this process, against an ElastiCache in memory."""

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from tests.unit.modules.fake_elasticache import FakeElastiCache


@pytest.fixture
def cache(monkeypatch):
    """Return an empty ElastiCache for every module of this test, with its own clock."""
    fake = FakeElastiCache()
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service, retry_decorator=None: fake)
    monkeypatch.setattr("time.sleep", fake.sleep)
    monkeypatch.setattr("time.monotonic", lambda: fake.now)
    return fake


@pytest.fixture
def run(cache, capsys):
    """Return a function that runs a module with options and returns its JSON result."""

    def run_module(module, check=False, **options):
        arguments = {"region": "ap-northeast-2", **options}
        # The arguments in the result, as with -vvv: no secret may be among them.
        arguments |= {"_ansible_check_mode": check, "_ansible_inject_invocation": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module
