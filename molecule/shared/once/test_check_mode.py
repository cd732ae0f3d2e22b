"""Check mode on the finished host: it must neither fail nor announce a change."""

from playbook import changes


def test_check_mode_reports_no_change():
    assert changes("converge.yml", "--check", "--diff") == 0
