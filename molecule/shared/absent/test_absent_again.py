"""What was taken away stays away: a second time there is nothing to do."""

from playbook import changes


def test_check_mode_reports_nothing_to_take_away():
    assert changes("absent.yml", "--check", "--diff") == 0


def test_taking_it_away_again_changes_nothing():
    assert changes("absent.yml") == 0
