# The front door. `make demo` and `make test` are all that needs remembering.

LISTEN ?= 127.0.0.1:8080
# Tests mostly wait for the disk: more at once than there are cores.
TEST_THREADS ?= 6
# Where the full test needs PostgreSQL, this finds or installs it and runs a throw-away cluster.
WITH_POSTGRES := scripts/with-postgres

.PHONY: demo test check bless bench dist

demo: ## Build the server and run the demo on the embedded database.
	cargo run --release --package yuyue -- serve --demo --listen $(LISTEN)

test: check ## Everything: format, lints, all tests on both engines.
	$(WITH_POSTGRES) cargo test --workspace --all-targets -- --test-threads=$(TEST_THREADS)

check: ## Format, lints and dependency policy, without running anything.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	scripts/check-dependencies

bless: ## Accept the present API as the snapshot (server/openapi.json).
	BLESS=1 cargo test --package yuyue --test it openapi

bench: ## Measure, and write docs/performance.md.
	cargo build --release --package yuyue
	WITH_POSTGRES_DURABLE=1 BENCH_REPORT=$(CURDIR)/docs/performance.md $(WITH_POSTGRES) cargo bench --package yuyue --bench load

dist: ## One stripped binary with its licence and default configuration, as dist/yuyue-VERSION.tar.gz.
	cargo build --release --package yuyue
	scripts/make-dist
