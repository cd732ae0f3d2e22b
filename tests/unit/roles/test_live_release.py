"""The record of the live release in the account: what recover_server.yml needs when the server is gone."""

import json

from tests.unit.roles.cloud_runs import ROOT, make_inventory, run_plays

RESULT = {
    "live": "0123456789ab-cdef01",
    "live_source": {"type": "git", "url": "https://git.example/a.git", "version": "main", "commit": "f" * 40},
    "live_revisions": ["0001"],
    "schema_revisions": [
        {"id": "0001", "title": "Tables", "contract": False},
        {"id": "0002", "title": "A column", "contract": False},
    ],
}


def record(directory, url, *options, **changes):
    plays = [
        {
            "name": "Record the live release",
            "hosts": "compute",
            "gather_facts": False,
            "roles": [f"{ROOT}/roles/table_order"],
            "vars": {"fastapi_app_result": RESULT | changes},
            "tasks": [{"ansible.builtin.include_tasks": f"{ROOT}/playbooks/tasks/live_release.yml"}],
        }
    ]
    inventory = make_inventory(directory, url)
    return run_plays(directory, inventory, plays, *options)


def test_it_names_the_release_its_source_and_what_the_database_is_ahead(tmp_path, url, client):
    ssm, name = client("ssm"), "/table-order/release"

    def found():
        return json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])

    checked = record(tmp_path, url, "--check")
    assert (checked.status, checked.changed) == (0, 1), checked.output[-3000:]
    assert ssm.get_parameters(Names=[name])["Parameters"] == []
    assert record(tmp_path, url).changed == 1
    assert found() == {
        "release": RESULT["live"],
        "source": RESULT["live_source"],
        "ahead": [RESULT["schema_revisions"][1]],
    }
    assert record(tmp_path, url).changed == 0
    # Nothing is known of a release that was deployed without its migrations.
    assert record(tmp_path, url, live="ba9876543210-cdef01", live_revisions=[]).changed == 1
    assert (found()["release"], found()["ahead"]) == ("ba9876543210-cdef01", [])
    # A server without a release does not delete what was live before.
    assert record(tmp_path, url, live="").changed == 0
    ssm.delete_parameter(Name=name)
