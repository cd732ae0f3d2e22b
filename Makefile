# Table Order Infrastructure. "make" or "make help" lists the targets.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
ifneq ($(wildcard .state/containers.conf),)
export CONTAINERS_CONF := $(CURDIR)/.state/containers.conf
endif
# The local cloud changes firewall rules and runs system containers: it needs root, the playbooks do not.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=PATH,CONTAINERS_CONF)
LOCAL := inventories/local/00-cloud.yml
TEST := tests/inventory/00-cloud.yml
IMAGES := debian12-host debian12-data al2023-lookalike
REHEARSED := production staging production-elsewhere staging-elsewhere
SCENARIOS := fastapi_app nginx db_migrate cloudwatch_agent
# E2E_KEEP=1 leaves the tests' site running.
.DEFAULT_GOAL := help
.PHONY: help up cloud down clean plan status setup test lint unit molecule images local-cloud collection e2e drills rehearsal bench ready docs frontend cost topology maintain ready-to-run

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

up: cloud ## Everything from nothing: set-up, local cloud, site.yml; prints the addresses to open
	ansible-playbook site.yml -i inventories/local
	@scripts/addresses

cloud: setup ## Only the local cloud, at http://127.0.0.1:5000
	$(ROOT) .venv/bin/python -m local_cloud start --settings $(LOCAL)

down: ## Remove the local clouds: containers, networks, firewall rules, state. Images and .venv stay
	@if [ ! -x .venv/bin/python ]; then echo "Nothing to remove: there is no .venv"; else \
	  for settings in $(LOCAL) $(TEST) $(wildcard .state/rehearsal-*/00-cloud.yml); do $(ROOT) .venv/bin/python -m local_cloud stop --settings $$settings; done; fi

clean: down ## Also remove the images, .venv and .state
	-$(ROOT) podman rmi -f $(IMAGES:%=localhost/table-order/%)
	$(ROOT) rm -rf .venv .state

setup: ## Only install missing packages
	scripts/setup --local

# Two at a time, the long ones first. The whole site runs alone: its deployments are measured under load.
test: ready ## All tests, with the time of each part
	@for part in "lint unit" "$(SCENARIOS:%=molecule-%) images local-cloud collection" e2e; do SECONDS=0; \
	  $(MAKE) --no-print-directory --keep-going --jobs=2 $$part || exit 1; \
	  times+="$$part: $$SECONDS s  "; done; scripts/skips && echo "All parts passed: $$times"

lint: ready ## ansible-lint, yamllint, ruff
	scripts/lint

unit: ready ## Unit tests, and the application's own tests
	pytest --numprocesses=2 --dist=loadfile
	examples/table-order/backend/test

molecule: ready ## The look-alike of Amazon Linux, then each role in containers, two scenarios at a time
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target images $(SCENARIOS:%=molecule-%)

images: ready
	pytest tests/images

# Prints only the counts of passed scenarios, so that a failure is visible; the logs stay.
molecule-%: ready
	@SECONDS=0; log=.state/artifacts/molecule-$*.log; mkdir -p $${log%/*}; \
	if timeout --foreground --kill-after=60 3600 molecule test -s $* >$$log 2>&1; then \
	  grep -oE "[0-9]+ passed.* in [0-9.]+s" $$log; scripts/skips $$log || exit 1; echo "molecule $*: passed in $$SECONDS s"; \
	else cat $$log; echo "molecule $*: FAILED after $$SECONDS s, see $$log"; exit 1; fi

local-cloud: ready ## Containers, addresses, metadata and life of the local cloud (asks for root)
	$(ROOT) $(CURDIR)/.venv/bin/python -m pytest -p no:cacheprovider tests/cloud

collection: ready ## The collection as others get it: packed, installed, used; ansible-test's rules for its plugins
	pytest tests/collection
	scripts/sanity

e2e: ready ## The whole site on the local cloud: twice, in check mode, in a browser, under load, removed
	pytest tests/e2e

# DRILLS_AGAIN=1 also repeats those that have passed.
drills: ready ## Every procedure, and what breaks: a table of all results (hours; repeats no part that passed). One part: DRILL=scale
	pytest $(if $(DRILL),tests/drills/test_$(DRILL).py,tests/drills) -s

rehearsal: ready ## Staging's and production's inventories on the local cloud, as their operator: created, removed, created again
	@for form in $(REHEARSED); do inventory=$$(python -m tests.rehearsal.inventories $$form) && \
	  TABLE_ORDER_TEST_INVENTORY=$$inventory pytest tests/rehearsal -s || exit 1; done

bench: ready ## Deployments and the server under load: a table, and .state/artifacts/bench.json
	python -m tests.bench

ready:
	@scripts/setup --test

ready-to-run:
	@scripts/setup

plan: ready-to-run ## What provisioning would change on AWS, and its cost; INVENTORY=inventories/production for another
	@scripts/plan $(INVENTORY) || [ $$? = 2 ]

status: ready-to-run ## How the service is, on one screen; fails if something needs a person; INVENTORY=inventories/production for another
	@scripts/status $(INVENTORY)

maintain: ready-to-run ## The regular checks as a page and JSON; LIST=daily, weekly, monthly or quarterly; INVENTORY=inventories/production for another
	ansible-playbook playbooks/maintain.yml $(if $(INVENTORY),-i $(INVENTORY)) $(if $(LIST),--tags $(LIST))

topology: ready-to-run ## A picture of what is on AWS, .state/artifacts/topology.svg; INVENTORY=inventories/production for another
	@scripts/topology $(INVENTORY)

cost: ready-to-run ## What the site costs in a month, with the sources; INVENTORY=inventories/production for another
	@scripts/cost $(INVENTORY)

docs: ready ## Write the settings' tables of the roles' READMEs, docs/permissions.md, docs/cost.svg and docs/topology.svg
	scripts/docs

frontend: ## Rebuild the example's user interfaces (needs Node.js)
	examples/table-order/frontend/build
