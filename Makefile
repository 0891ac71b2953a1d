# The front door; Meson does the work.
BUILD ?= build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

deps:
	@tools/deps.sh

$(BUILD)/build.ninja:
	@meson setup $(BUILD)

demo: deps all
	@tools/demo.sh $(BUILD)/demotic

check: all
	@tools/deps.sh check
	@ninja -C $(BUILD)
	@tools/check.py $(BUILD)

bench: all
	@bench/run.py --demotic $(BUILD)/demotic --write docs/performance.md

fuzz: all
	@tools/fuzz.sh $(BUILD)

soak: all
	@tools/soak.sh $(BUILD)

asan:
	@meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false 2>/dev/null || true
	@ninja -C build-asan && meson test -C build-asan --no-suite oracle --print-errorlogs

lint:
	@tools/lint.sh $(BUILD)

format:
	@git ls-files 'src/*.c' 'src/*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD) build-asan

.PHONY: all deps demo check bench fuzz soak asan lint format clean
