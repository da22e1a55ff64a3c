# Everything a developer runs. It needs make, Python 3.11 or newer and a package index; the first target that needs
# the environment builds it in .venv from requirements.lock.

PORT ?= 8080
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV = $(or $(shell command -v uv),$(BIN)/uv)
READY := $(VENV)/.ready

# uv has its own names for what pip is told by these.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

# Pyright and its node come from wheels in the lock; this stops it from asking the index for a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo up test format lock torture simulate kills docs bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F'\t' '{ printf "make %-8s %s\n", $$1, $$2 }'

setup: $(READY) ## build .venv from the lock

$(READY): requirements.lock pyproject.toml examples/shop/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Atoll needs Python 3.11 or newer, but $(PYTHON) is older or missing: run make PYTHON=/path/to/python." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@test -x "$(UV)" || { sed -n '/^uv==/,/[^\]$$/p' requirements.lock > $(VENV)/uv.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt; }
	@"$(UV)" pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@"$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		--editable . --editable examples/shop
	@touch $@

demo: setup ## run the shop with customers and kills, and check its invariants
	@$(BIN)/python -m shop.demo

up: setup ## start the shop at port 8080 (PORT=8081 for another) and leave it running until Ctrl-C
	@$(BIN)/atoll up shop.system:shop --gateway-port $(PORT)

# Runs a step of `test` and tells how long it took.
step = @printf '\n== %s\n' '$(1)'; start=$$(date +%s); $(BIN)/$(1) || exit 1; echo "== took $$(($$(date +%s) - start)) s"

test: setup ## everything that must hold before a change is taken
	$(call step,ruff format --check .)
	$(call step,ruff check .)
	$(call step,mypy)
	$(call step,pyright)
	$(call step,lint-imports --no-logo)
	$(call step,pytest --numprocesses 2 --dist loadfile --durations 20 --cov --cov-report=term)

format: setup ## format the code and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

COMPILE = "$(UV)" pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --no-emit-package atoll --custom-compile-command "make lock"

lock: setup ## compile requirements.lock, and that of the benchmarks, anew from the pyproject files
	@$(COMPILE) --all-extras --group dev --output-file requirements.lock pyproject.toml examples/shop/pyproject.toml
	@$(COMPILE) --all-extras --group bench --constraint requirements.lock \
		--output-file bench/requirements.lock pyproject.toml

torture: setup ## hurt the shop 200 times under load on each pair of engines (FAULTS=, SEED=), and check its invariants
	@$(BIN)/python -m tests.torture --faults $(or $(FAULTS),200) $(if $(SEED),--seed $(SEED))

simulate: setup ## run the standard scenario under as many seeds as asked (SEEDS=, FIRST=, JOBS=)
	@$(BIN)/python -m atoll.testing.simulation tests.simulation.scenario:orders \
		--seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0) $(if $(JOBS),--jobs $(JOBS))

kills: setup ## kill 32 writers of an event store KILLS= times on each engine (100), and count what is lost or doubled
	@$(BIN)/python -m tests.integration.eventstore.kills --kills $(or $(KILLS),100)

docs: setup ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: setup ## measure Atoll beside its peers, one after the other (BENCH=saga for one of them, or BENCH=growth)
	@"$(UV)" pip install --quiet --python $(BIN)/python --require-hashes -r bench/requirements.lock
	@for each in $(or $(BENCH),checkout commit relay consume saga eventstore); do $(BIN)/python bench/$$each.py || exit 1; done

clean: ## remove everything that was made
	@rm -rf $(VENV) .atoll .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist site
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
