# The front door; Meson does the work.  What building, testing or the demonstration need is installed first
# (tools/deps.sh: Debian packages, only if missing).
BUILD ?= build

all:
	@tools/deps.sh
	@[ -e $(BUILD)/build.ninja ] || meson setup $(BUILD)
	@ninja -C $(BUILD)

demo: all
	@tools/demo.sh $(BUILD)/demotic

# A build that was set up before all of that was installed has fewer tests.
check:
	@tools/deps.sh check
	@[ ! -e $(BUILD)/build.ninja ] || meson setup --reconfigure $(BUILD) >/dev/null
	@$(MAKE) --no-print-directory all
	@tools/check.py $(BUILD)

# A container image (OCI) in build/image, and the same tried out: docs/container.md.
image: all
	@tools/deps.sh image
	@packaging/image.sh $(BUILD)

check-image: image
	@tests/image.py $(BUILD)/image

# Speed of all guests against native builds and QEMU; bench-arm64 and bench-x86 are its parts.
bench: bench-arm64 bench-x86

bench-arm64: GUESTS = --guest arm64
bench-x86: GUESTS = --guest amd64 --guest i386
bench-arm64 bench-x86:
	@tools/deps.sh check
	@$(MAKE) --no-print-directory all
	@bench/run.py --demotic $(BUILD)/demotic --qemu $$(dirname $$(tools/get-qemu.sh $(BUILD)/oracle)) --roots $(BUILD)/roots $(GUESTS) --write docs

# The Windows programs under Demotic, QEMU and native Wine side by side; ROUNDS of those that are timed.
ROUNDS ?= 3
evaluate:
	@tools/deps.sh check
	@$(MAKE) --no-print-directory all
	@tools/evaluate.py --build $(BUILD) --rounds $(ROUNDS)

# The same for Windows programs of x86-64 and i386.
evaluate-x86:
	@tools/deps.sh check
	@$(MAKE) --no-print-directory all
	@tools/evaluate.py --build $(BUILD) --guest x86 --rounds $(ROUNDS)

# Without end, unless SECONDS_EACH=N is given.
fuzz: all
	@tools/fuzz.sh $(BUILD)

# The long suites; their last results are in docs/testing.md.
soak: all
	@tools/soak.sh $(BUILD)

# The x86 guests against this processor, 10 million comparisons for each mode and engine.
x86-soak: all
	@tools/x86-soak.sh $(BUILD)

asan:
	@tools/deps.sh check
	@[ -e build-asan/build.ninja ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-asan && UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		meson test -C build-asan --no-suite oracle --print-errorlogs

# The suites of gcc, QEMU and Valgrind on the guests; an hour or two the first time.
suites:
	@tools/deps.sh check
	@$(MAKE) --no-print-directory all
	@tests/suites/run.py --demotic $(BUILD)/demotic --build $(BUILD)/suites --write docs/suites.md

lint:
	@tools/deps.sh check
	@$(MAKE) --no-print-directory all
	@tools/lint.sh $(BUILD)

format:
	@git ls-files 'src/*.c' 'src/*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD) build-asan

.PHONY: all demo check image check-image bench bench-arm64 bench-x86 evaluate evaluate-x86 fuzz soak x86-soak suites asan lint format clean
