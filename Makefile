# Signalbox. `make` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := .venv/bin
PORT ?= 8000

# What not every platform has. Without it everything else works, and what needs it says what is missing.
extras = for extra in postgres squawk; do \
	$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-$$extra.txt || \
	echo "Going on without it. What that means is said in requirements-$$extra.in." >&2; done

# What `check --deploy` judges: the settings as they are in production.
production = SIGNALBOX_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	SIGNALBOX_DATABASE_URL=postgres://localhost/none DATABASE_URL=postgres://localhost/target \
	DATABASE_URL_STAGING=postgres://localhost/target DATABASE_URL_DEV=postgres://localhost/target RAILWAY_ENVIRONMENT_ID=check RAILWAY_PUBLIC_DOMAIN=signalbox.example

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(BIN)/.run ## Start everything on this machine, at http://127.0.0.1:$PORT/
	@PORT=$(PORT) exec $(BIN)/python manage.py signalbox demo

demo-reset: $(BIN)/.run ## Clear what the demo keeps, once it is stopped
	@$(BIN)/python manage.py signalbox demo --reset

dev: $(BIN)/.dev ## Prepare this checkout for work: virtual environment with every tool

test: $(BIN)/.dev ## Run the tests (SIGNALBOX_TESTS=all for every one of them)
	$(BIN)/pytest -n auto --dist loadgroup

test-all: export SIGNALBOX_TESTS = all
test-all: test ## Run every test, browser and whole journeys included; a skipped one is a failure

tools: ## Install the migration tools that tests/tools asks, into .tools/
	@.ci/tools

faults: export SIGNALBOX_TESTS = all
faults: $(BIN)/.dev ## Break servers, lines and workers under runs, and print the summary (SIGNALBOX_FAULT_SIZE=full for more)
	$(BIN)/pytest tests/faults -n auto --dist loadgroup

check: $(BIN)/.dev ## Run every check, and count the failures at the end
	@failed=0; \
	run() { echo "== $$1"; shift; "$$@" || failed=$$((failed + 1)); }; \
	run "format"            $(BIN)/ruff format --check . ; \
	run "lint"              $(BIN)/ruff check . ; \
	run "types"             $(BIN)/mypy ; \
	run "import contracts"  env PYTHONPATH=. $(BIN)/lint-imports --no-logo ; \
	run "templates"         $(BIN)/djlint --lint --quiet templates ; \
	run "Django migrations" env PYTHONWARNINGS=ignore $(BIN)/python manage.py makemigrations --check --dry-run ; \
	run "deploy settings"   env $(production) $(BIN)/python manage.py check --deploy --fail-level WARNING ; \
	run "generated docs"    diff docs/STATES.md <($(BIN)/python manage.py signalbox states) ; \
	run "drawn picture"     diff docs/images/path.svg <($(BIN)/python manage.py signalbox picture) ; \
	echo; if [ $$failed -eq 0 ]; then echo "All checks passed."; else echo "$$failed of 9 checks failed."; exit 1; fi

fix: $(BIN)/.dev ## Repair what can be repaired, and renew what is generated in docs/
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python manage.py signalbox states > docs/STATES.md
	$(BIN)/python manage.py signalbox picture > docs/images/path.svg
	env PYTHONPATH=. $(BIN)/python -m tests.engine.remedies

lock: $(BIN)/.dev ## Write requirements*.txt, with hashes, from requirements*.in (UPGRADE=1 for newer versions)
	@for each in requirements requirements-postgres requirements-squawk requirements-sbom requirements-dev tests/tools/requirements; do \
		$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.12 --annotation-style line \
			--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) $$each.in --output-file $$each.txt || exit 1; \
	done

sbom: $(BIN)/.dev ## List every package of production, with its hashes, in sbom.cdx.json (CycloneDX)
	cat requirements.txt requirements-postgres.txt requirements-squawk.txt | \
		$(BIN)/cyclonedx-py requirements - --output-reproducible --of JSON --output-file sbom.cdx.json

audit: $(BIN)/.dev ## Ask for known holes in what runs in production; without advisory data it says so and passes
	$(BIN)/python .ci/audit

bench: $(BIN)/.dev ## Measure what must stay fast
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; PYTHONPATH=. $(BIN)/python $$benchmark; done

new-rule: $(BIN)/.dev ## Begin a lint rule: code, page and cases (make new-rule name=some-rule)
	@$(BIN)/python tests/engine/new_rule.py $(name)

screenshots: $(BIN)/.dev ## Take a picture of every page into screenshots/ (DOCS=1 renews the README's)
	SIGNALBOX_TESTS=all $(BIN)/pytest -m screenshots

# Stamps: the environment is made anew when Python's version, completed when a requirement changes.
$(BIN)/.python: .python-version
	@python="$$(.ci/python)" || exit 1; \
	echo "Making .venv with $$python ($$("$$python" --version))"; \
	"$$python" -m venv --clear .venv
	@touch $@

$(BIN)/.run: $(BIN)/.python requirements.txt requirements-postgres.txt requirements-squawk.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(extras)
	@touch $@

$(BIN)/.dev: $(BIN)/.run requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.PHONY: help demo demo-reset dev test test-all tools faults check fix lock sbom audit bench new-rule screenshots
