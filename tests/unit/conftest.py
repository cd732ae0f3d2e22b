"""Has collections found as ansible-playbook finds them: Ansible loads nothing from one that a test has imported otherwise."""

from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()
