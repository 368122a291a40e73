# make run    the main job on this machine, on a year of real data      make test   lint, types, tests
# make lab    JupyterLab on the same local Azure                        make help   the longer targets
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCKS := pyproject.toml node/pyproject.toml .constraints.txt batchkit/local/azurite/package-lock.json

.PHONY: run test lab help lint types tests coverage notebooks pictures sdk-tests kill-tests mutants bench-batch clients recorded az checkov bench fuzz faults wheels browser image environment lock

run: $(READY)
	@$(BIN)/batchkit run

test: lint types tests notebooks

lab: $(READY)
	@cd notebooks && ../$(BIN)/batchkit local --state ../.batchkit --speed 60 -- ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

help:
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/vulture && $(BIN)/hadolint node/Dockerfile && $(BIN)/python tests/workflows/lint.py

types: $(READY)
	@$(BIN)/mypy && $(BIN)/mypy --config-file tests/mypy.ini

tests: $(READY)
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

coverage: $(READY)  ## which lines and branches the tests run, by package; figures kept, no gate
	@$(BIN)/python tests/covered.py

notebooks: $(READY)
	@$(BIN)/batchkit local --speed 60 -- $(BIN)/pytest --nbval-lax --nbval-cell-timeout=120 -p no:xdist notebooks

pictures: $(READY)  ## draw the README's picture from the newest run
	@$(BIN)/python tests/pictures.py

sdk-tests: $(READY)  ## azure-batch's own tests and sample against the local Azure
	@$(BIN)/python tests/sdk/run.py

kill-tests: $(READY)  ## kill -9 the local Azure twenty times while 500 tasks run
	@$(BIN)/python tests/kills.py

mutants: $(READY) .venv-mutants/bin/cosmic-ray  ## plant faults in the local Batch and the formula language: do tests notice?
	@.venv-mutants/bin/python tests/mutants.py

.venv-mutants/bin/cosmic-ray:
	@$(PYTHON) -m venv .venv-mutants && .venv-mutants/bin/pip install --quiet cosmic-ray==8.7.0

bench-batch: $(READY)  ## the local Batch: 10,000 tasks run, calls at 1,000 to 100,000 tasks
	@$(BIN)/python tests/throughput.py

clients: $(READY)  ## programs that others wrote, unmodified, against the local Azure: ONLY=names, CLIENTS_SAMPLES=folder
	@PYTHONPATH=tests $(BIN)/python -m clients.run $(ONLY)
	@$(if $(ONLY),,$(BIN)/pytest -m longer tests/test_local_page.py)

recorded: $(READY)  ## recorded requests of the real Azure Batch against the local one: ONLY="--plane batch"
	@PYTHONPATH=tests $(BIN)/batchkit local --allow-shared-key --speed 600 -- $(BIN)/python -m recorded.run $(ONLY)

az: $(READY)  ## the az command line among them, by account key and by managed identity
	@PYTHONPATH=tests $(BIN)/python -m clients.run az_by_key az_by_identity az_applications

checkov: $(READY) .venv-checkov/bin/checkov  ## security checks of the ARM template, in an environment of its own
	@$(BIN)/python tests/checkov.py

.venv-checkov/bin/checkov:
	@$(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/pip install --quiet checkov==3.3.30

bench: $(READY)  ## the worker against bare orjson, polars and duckdb, in environments of their own
	@$(BIN)/python benchmarks/bench.py

fuzz: $(READY)  ## ten minutes of broken files for the worker
	@$(BIN)/python tests/fuzz_node.py 600

image: $(READY)  ## build the worker's image with docker or podman, measure it, and run tasks in it
	@$(BIN)/hadolint node/Dockerfile
	@$(BIN)/python tests/image.py && $(BIN)/pytest tests/engine.py

faults: $(READY)  ## every fault on demand, storms, restarts, kills at any moment, and twenty races of two clients
	@BATCHKIT_RACES=20 $(BIN)/pytest -m "longer or not longer" tests/local/test_local_faults.py tests/workbench/test_batchkit_run_ends.py tests/workbench/test_batchkit_run.py tests/workbench/test_batchkit_watching.py tests/workbench/test_batchkit_jobs.py tests/workbench/test_batchkit_provision_first_day.py

wheels: $(READY)  ## both wheels in an environment of their own do the main job in an empty folder
	@$(BIN)/pytest -m longer tests/workbench/test_batchkit_wheels.py

browser: $(READY) .venv-browser/bin/python  ## the newest run's page in Chromium, wide and narrow
	@$(BIN)/python tests/workflows/npm.py && .venv-browser/bin/python tests/browser.py

.venv-browser/bin/python:
	@$(PYTHON) -m venv .venv-browser && .venv-browser/bin/pip install --quiet selenium==4.45.0

environment: $(READY)  ## write environment.yml from pyproject.toml
	@$(BIN)/python tests/environment.py > environment.yml

lock: $(READY) .venv-lock/bin/uv  ## write .requirements.lock: every package with its hashes
	@.venv-lock/bin/uv pip compile --universal --python-version 3.11.5 --generate-hashes --quiet --no-header --no-annotate \
	  -c .constraints.txt -c node/constraints.txt pyproject.toml node/pyproject.toml \
	  --extra local --extra workbench --extra dev --extra journey >.lock.new
	@(sed -n '1,2p' .requirements.lock; cat .lock.new) >.lock.whole && mv .lock.whole .requirements.lock && rm .lock.new

.venv-lock/bin/uv:
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv

# The set-up: once, and again only when a list of dependencies changed.
$(READY): $(LOCKS)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (once)" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check -c .constraints.txt -e '.[dev]' -e './node[journey]'
	@$(BIN)/python -m batchkit.local.azurite install
	@touch $@
