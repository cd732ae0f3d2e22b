"""Tasks inside ansible-playbook's process give the same results as in separate processes, for any kind of task."""

from tests.unit.roles.preflight_runs import ANSIBLE, INLINE, results, run_play

PLAY = """
- hosts: first,second
  gather_facts: false
  force_handlers: true
  handlers:
    - name: Say so
      ansible.builtin.debug: {msg: "{{ letters }}"}
  tasks:
    - block:
        - ansible.builtin.set_fact: {numbers: "{{ ['1', '2'] | map('int') | list }}", kept: "{{ own | default('none') }}"}
        - ansible.builtin.command: {argv: [printf, "%s", "{{ inventory_hostname }} 한글 {{ item }}"]}
          register: said
          changed_when: item == 2
          loop: "{{ numbers }}"
        - ansible.builtin.include_tasks: {file: included.yml}
          loop: [x, y]
          loop_control: {loop_var: letter}
          vars: {numbers: [7]}
        - ansible.builtin.assert:
            that: own is defined
            fail_msg: "{{ numbers }}, {{ letters }}, {{ said.results | map(attribute='stdout') | list }}"
            quiet: true
      rescue:
        - ansible.builtin.debug: {msg: "{{ ansible_failed_task.action }}: {{ ansible_failed_result.msg }}"}
      always:
        - ansible.builtin.debug: {msg: "{{ hostvars['second'].letters }}"}
    - ansible.builtin.copy: {dest: "{{ directory }}/{{ inventory_hostname }}", src: included.yml, mode: "0600"}
      check_mode: true
      diff: true
      notify: Say so
    - ansible.builtin.validate_argument_spec: {argument_spec: {own: {type: int, required: true}}}
      ignore_errors: true
    - ansible.builtin.command: {argv: ["false"]}
      register: tried
      until: tried.rc == 0
      retries: 1
      delay: 0
      ignore_errors: true
    - ansible.builtin.command: {argv: ["true"]}
      changed_when: false
      run_once: true
      delegate_to: second
      delegate_facts: true
    - ansible.builtin.add_host: {name: "made-{{ item }}", groups: [made], seen: "{{ item }}"}
      loop: "{{ numbers }}"
    - ansible.builtin.group_by: {key: "has_{{ kept }}"}
- hosts: made
  gather_facts: false
  tasks: [{ansible.builtin.debug: {msg: "{{ seen }}"}}]
- hosts: has_none
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ groups['made'] }} {{ nothing }}"}
    - ansible.builtin.debug: {msg: is not reached}
"""
INCLUDED = """
- ansible.builtin.set_fact: {letters: "{{ letters | default([]) + [letter ~ numbers] }}"}
  when: inventory_hostname == 'first' or letter != 'x'
"""
HOSTS = ["first", "second", "made-1", "made-2"]


def test_every_kind_of_task_gives_the_same(tmp_path):
    (tmp_path / "included.yml").write_text(INCLUDED)
    everywhere = {"ansible_connection": "local", "directory": str(tmp_path)}
    inventory = {"all": {"vars": everywhere, "hosts": {"first": {}, "second": {"own": 5}}}}
    given = {
        program[0]: results(run_play(tmp_path, PLAY, inventory, 2, program), HOSTS)
        for program in (ANSIBLE, INLINE)
    }
    alone, together = given.values()
    assert together == alone
    # It is no comparison of nothing.
    text = str(alone)
    for part in (
        "['x[7]', 'y[7]']",
        "first 한글 1",
        "missing required arguments: own",
        "'nothing' is undefined",
    ):
        assert part in text, text
    assert "is not reached" not in text
    assert alone["made-2"][0][1]["msg"] == 2
