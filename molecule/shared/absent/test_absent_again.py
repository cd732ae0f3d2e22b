"""What was taken away stays away: a second time there is nothing to do."""

from playbook import changes


def test_taking_it_away_again_changes_nothing():
    assert changes("absent.yml") == 0
