"""The next run removes the preview of a killed check run, but no links and no preview of a possibly live run."""

import os
import time

import yaml

from tests.unit.roles.preflight_runs import ROOT, run_play

DAYS = 24 * 3600


def test_only_an_old_preview_is_removed(tmp_path):
    home, outside = tmp_path / "home", tmp_path / "outside"
    for directory in (home / "releases", outside):
        directory.mkdir(parents=True)
    (outside / "kept").write_text("x")
    for name in (
        ".preview-abcd_123",
        ".preview-young_12",
        ".preview-mine",
        "x.preview-abcd1234",
        "preview-abcd1234",
    ):
        (home / name / "source").mkdir(parents=True)
        (home / name / "source" / "link").symlink_to(outside)
    (home / ".preview-file1234").write_text("x")
    (home / ".preview-link1234").symlink_to(outside)
    before = {path.name for path in home.iterdir()}
    for path in (*home.iterdir(), outside):
        if path.name != ".preview-young_12":
            os.utime(path, (time.time() - 2 * DAYS,) * 2, follow_symlinks=False)
    tasks = yaml.safe_load((ROOT / "roles/fastapi_app/tasks/recover.yml").read_text())[-3:-1]
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    host = {"ansible_connection": "local", "fastapi_app_home": str(home)}
    host |= {"__fastapi_app_info": {"live": "1"}}
    run_play(tmp_path, yaml.safe_dump(play), {"all": {"hosts": {"server": host}}})
    assert before - {path.name for path in home.iterdir()} == {".preview-abcd_123"}
    assert (outside / "kept").exists()
