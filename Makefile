# The front door. `make demo` and `make test` are all that needs remembering.

LISTEN ?= 127.0.0.1:8080
# Tests mostly wait for the disk: more at once than there are cores.
TEST_THREADS ?= 6
# Where the full test needs PostgreSQL, this finds or installs it and runs a throw-away cluster.
WITH_POSTGRES := scripts/with-postgres
# The same for Node.js and Chromium, which only the pages need.
WITH_WEB := scripts/with-web

.PHONY: demo web test test-server test-web test-clients test-api check check-server check-web bless bench dist

demo: web ## Build the pages and the server, and run the demo on the embedded database.
	cargo run --release --package yuyue -- serve --demo --listen $(LISTEN)

web: ## Build the pages, if Node.js is there.
	scripts/build-web

test: check web test-server test-web test-clients test-api ## Everything: format, lints, all tests on both engines, in a browser, by clients and by the API's tools.

test-server: ## All tests of the server, on both engines.
	$(WITH_POSTGRES) cargo test --workspace --all-targets -- --test-threads=$(TEST_THREADS)

test-web: ## The pages in a browser, against a demo of their own.
	$(WITH_WEB) scripts/test-web

test-clients: ## A front end of each document, as its reader would write it, against a demo of its own.
	$(WITH_WEB) --no-browser scripts/test-clients

test-api: ## The API's description, by the tools that read such documents, against demos of its own.
	$(WITH_WEB) --no-browser scripts/with-python scripts/test-api

check: check-server check-web ## Format, lints, types and dependency policy; the pages' units.

check-server:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	scripts/check-dependencies

check-web:
	$(WITH_WEB) scripts/check-web

bless: ## Accept the present API and states as the snapshots (server/openapi.json, docs/states.md), and in the pages.
	BLESS=1 cargo test --package yuyue --test it -- openapi states
	$(WITH_WEB) scripts/bless-web

bench: ## Measure, and write docs/performance.md.
	WITH_POSTGRES_DURABLE=1 BENCH_REPORT=$(CURDIR)/docs/performance.md $(WITH_POSTGRES) cargo bench --package yuyue --bench load

dist: web ## One stripped binary with its pages, licence and default configuration, as dist/yuyue-VERSION.tar.gz.
	cargo build --release --package yuyue
	scripts/make-dist
