# The shell around meson: each target is one thing a person wants.
BUILD := build

.PHONY: all demo test nightly unit asan tsan fuzz lint fmt docs docs-test bench-quick bench bench-small bench-long clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -v >$(BUILD)/ninja.log 2>&1 || { grep -E 'error|warning|FAILED' $(BUILD)/ninja.log; exit 1; }

$(BUILD)/build.ninja: meson.build
	@tools/setup build
	@test -f $@ || meson setup $(BUILD) >/dev/null

demo: ## the main job on real data, from nothing
	@tools/setup demo
	@$(MAKE) --no-print-directory all
	@examples/demo/demo.sh

test: ## everything that must pass, against real servers
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@tools/run-tests

nightly: ## what is slow: Spark 3.5 reads every table of tests/interop, five minutes of fuzzing a target
	@tools/setup nightly
	@$(MAKE) --no-print-directory all
	@tools/run-tests -f tests/suites.nightly

unit: all
	@meson test -C $(BUILD) --print-errorlogs

asan: ## unit tests under AddressSanitizer and UBSan
	@tools/setup test
	@test -f build-asan/build.ninja || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 >/dev/null
	@ninja -C build-asan >/dev/null && meson test -C build-asan --print-errorlogs

tsan: ## threaded rooms under ThreadSanitizer
	@tools/setup test
	@test -f build-tsan/build.ninja || meson setup build-tsan -Db_sanitize=thread -Db_lundef=false -Doptimization=1 >/dev/null
	@ninja -C build-tsan >/dev/null && meson test -C build-tsan --print-errorlogs base pipe sql_step

fuzz: ## a minute over the parsers of foreign bytes
	@tools/setup lint
	@tools/fuzz 15

lint: ## what a machine can say about the source
	@tools/setup lint
	@tools/lint

fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

docs: ## the pages that programs make: docs/types.md by the decoders, docs/readers.md by the readers, the YAML schema
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(BUILD)/millrace schema >docs/reference/pipeline.schema.json
	@MR_UPDATE_DOCS=1 .deps/venv/bin/python -m pytest -q -p no:cacheprovider tests/e2e/test_type_docs.py tests/interop/test_matrix.py

docs-test: all
	@tools/docs-test

bench-quick: ## under 3 minutes, for every day
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@bench/quick

bench: ## raw reader, millrace and peers; about an hour, 75 minutes at most, continues where it stopped
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@bench/bench

bench-small: ## start-up, many tables, SQLite, the writer alone, scans
	@tools/setup bench
	@tools/setup demo
	@$(MAKE) --no-print-directory all
	@bench/small

bench-long: ## 1, 10 and 100 million rows: as fast, as small? 20 GB of disk, an hour at most, continues where it stopped
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@bench/long

clean:
	rm -rf $(BUILD) build-asan build-tsan build-fuzz build-lint
