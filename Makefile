# pgkvm: what a user types. `make` alone lists the targets.

PREFIX = /usr/local
DESTDIR =
# How long each fuzz target runs, and which one (all where it is empty).
SECS = 60
TARGET =
# Of the host stage.
TIER = a

SWIFT = scripts/swift
# The Swift runtime goes into the binary, so that it runs without the toolchain. A target may import only what it names.
CHECKED = --explicit-target-dependency-import-check error
RELEASE = --configuration release --static-swift-stdlib $(CHECKED)
BINARY = .build/release/pgkvm
# Without a limit hundreds of tests share the processors, and each step of one waits behind all others: time limits say nothing then.
AT_ONCE = $(shell echo $$((3 * $$(nproc))))

.PHONY: help deps deps-test build deploy test test-full test-all test-host check format fuzz fuzz-check bench install uninstall clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

deps: ## install what building and deploying need: Debian packages, QEMU, Swift
	@scripts/install-dependencies

deps-test: ## the same, and what the tests need
	@scripts/install-dependencies --with-tests

build: ## build .build/release/pgkvm
	$(SWIFT) build $(RELEASE) --product pgkvm

deploy: deps build ## install what is missing, build, deploy the appliance "demo", print how to connect
	@scripts/deploy-demo $(BINARY)

test: deps-test test-all ## install what is missing, build, run every test, guest boot included

test-full: export PGKVM_TEST_FULL = 1
test-full: deps-test build ## the same, and what CI leaves out
	@scripts/stage "control of the KVM test" scripts/positive-control-kvm
	@scripts/stage "ratio against the ordinary way" Benchmarks/ready $(BINARY)
	@$(MAKE) --no-print-directory test-all
	@$(MAKE) --no-print-directory test-host

test-host: deps-test ## the binary on an emulated Debian 13 with systemd; TIER=b: under KVM, with a real deployment
	@scripts/stage "build for the host stage" $(SWIFT) build $(CHECKED) --product pgkvm
	@scripts/stage "host" scripts/test-host $(TIER)

# One build configuration; Swift's own closing lines come last.
test-all:
	@scripts/stage "build of the tests" $(SWIFT) build --build-tests $(CHECKED)
	@scripts/stage "tests of the scripts" scripts/test-scripts
	@scripts/left-out
	@PGKVM_TEST_BINARY="$$($(SWIFT) build --show-bin-path)/pgkvm" scripts/failures-last $(SWIFT) test --skip-build --disable-xctest \
		--experimental-maximum-parallelization-width $(AT_ONCE)

check: ## format, syntax of the scripts, strings that have no place here
	@scripts/check-sources

format: ## bring the Swift files into the house's format
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests Fuzz templates cloud-init

fuzz: ## hand mutated inputs to each parser for SECS seconds, or to the one that TARGET names; 1 on a crash
	@scripts/stage "build of the fuzz targets" scripts/fuzz build
	@scripts/fuzz run $(SECS) $(TARGET)

fuzz-check: ## see that the fuzzer finds faults that were put in on purpose
	@scripts/stage "build of the fuzz targets" scripts/fuzz build
	@scripts/fuzz check

bench: build ## what the commands cost; deploy against the ordinary way, passt against slirp, side by side
	Benchmarks/commands $(BINARY)
	Benchmarks/spec $(BINARY)
	Benchmarks/ready $(BINARY)
	Benchmarks/forwarders $(BINARY)

install: ## put binary, man page and completions under PREFIX (after make build)
	@scripts/install-files install "$(DESTDIR)$(PREFIX)" $(BINARY)

uninstall: ## take them away again
	@scripts/install-files uninstall "$(DESTDIR)$(PREFIX)"

clean: ## remove what was built
	rm -rf .build
