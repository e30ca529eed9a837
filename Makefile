# allot: everyday commands. `make help` lists them.
#
# Variables: CC=gcc|clang, VARIANT=release|asan|tsan|coverage, WEB=no to leave the dashboard out,
# VERBOSE=1 to see the commands, and CPPFLAGS, CFLAGS, LDFLAGS, which are added to ours.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

ifeq ($(origin CC),default)
CC := gcc
endif
VARIANT ?= release
COMPILER := $(if $(findstring clang,$(CC)),-clang)
BUILD := build/$(VARIANT)$(COMPILER)

LISTEN ?= 127.0.0.1:8080
DATA_DIR ?= allot-data
CLUSTER_DIR ?= allot-cluster
WEB ?= yes
SOAK ?= 20
FUZZ ?= 600s
FUZZ_SHORT := 20000

PACKAGES := libmicrohttpd json-c sqlite3 gnutls zlib libcurl libprotobuf-c
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
CFLAGS_release := -O2 -g -DNDEBUG=1 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LDFLAGS_release := -Wl,-z,relro,-z,now
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
CFLAGS_coverage := -O0 -g --coverage
CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all

# Expanded by recipes only, and once at most: reading this file needs neither gcc nor pkg-config.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)
LANGUAGE = -std=c17 -I. -D_GNU_SOURCE $(WARNINGS) $(PACKAGE_CFLAGS)
COMPILE = $(CC) $(LANGUAGE) $(CPPFLAGS) $(CFLAGS_$(VARIANT)) $(CFLAGS)
LINK = $(CC) $(filter -fsanitize=% --coverage,$(CFLAGS_$(VARIANT))) $(CFLAGS) $(LDFLAGS_$(VARIANT)) $(LDFLAGS)
LIBS = $(PACKAGE_LIBS) -lm -lpthread

# What is made, or with VERBOSE=1 the command that makes it.
SAY = $(if $(VERBOSE),,@echo "  $@")
QUIET = $(if $(VERBOSE),,@)

# For a sub-make: as many jobs as processors, unless the caller has chosen.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
SUBMAKE = --no-print-directory $(JOBS)

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
CORE := $(BUILD)/libcore.a
API := $(BUILD)/libapi.a
SERVER := $(BUILD)/libserver.a
SUPPORT := $(BUILD)/libsupport.a
MESSAGES := build/proto/etcd_messages.pb-c
LIBRARIES := $(SERVER) $(API) $(CORE)

C_FOLDERS := core api server $(patsubst %/,%,$(wildcard tests/*/))
C_SOURCES := $(foreach folder,$(C_FOLDERS),$(call sources,$(folder)))
C_HEADERS := $(sort $(foreach folder,$(C_FOLDERS),$(wildcard $(folder)/*.h)))
SHELL_SCRIPTS := $(sort .ci/run $(wildcard scripts/*.sh examples/*.sh tests/*/*.sh))

all: build/allotd ## build allotd (build/allotd)

run: ## install what is missing, build, and start allotd on LISTEN with DATA_DIR
	@scripts/install.sh build run $(if $(HAS_WEB),web)
	@$(MAKE) $(SUBMAKE) all
	@exec build/allotd serve --listen $(LISTEN) --data-dir $(DATA_DIR)

# ---- building ----

build/allotd: $(BUILD)/allotd FORCE
	@cmp -s $< $@ || { cp $< $@.tmp && mv $@.tmp $@; }

$(BUILD)/allotd: $(BUILD)/server/main.o $(LIBRARIES)
	$(SAY)
	$(QUIET)$(LINK) -o $@ $< $(LIBRARIES) $(LIBS)

$(CORE): $(call objects,core)
$(API): $(call objects,api)
$(SERVER): $(filter-out %/main.o,$(call objects,server)) $(BUILD)/$(MESSAGES).o
$(SUPPORT): $(call objects,tests/support)
$(CORE) $(API) $(SERVER) $(SUPPORT): $(BUILD)/command $(BUILD)/sources
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/%.o: %.c $(BUILD)/command
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)$(COMPILE) $(DEFINES) -MMD -MP -c -o $@ $<

# ---- the messages of etcd ----

# Written in C by protobuf-c: for all compilers and variants once.
$(foreach folder,server tests/etcd tests/fuzz,$(call objects,$(folder))): | $(MESSAGES).h
$(MESSAGES).c: $(MESSAGES).h ;
$(MESSAGES).h: server/etcd_messages.proto
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

# ---- the dashboard ----

# Bundled by node into a C file, which server/dashboard.c includes: for all compilers and variants
# once, and anew only when something in web/ has changed.
HAS_WEB := $(if $(filter no,$(WEB)),,yes)
WEB_FILES := build/web/files.h
WEB_SOURCES := $(sort $(wildcard web/*.json web/*.mjs web/src/*.* web/src/*/*.*))

$(BUILD)/server/dashboard.o: $(BUILD)/web $(if $(HAS_WEB),$(WEB_FILES))
$(BUILD)/server/dashboard.o: private DEFINES := $(if $(HAS_WEB),-DALLOT_DASHBOARD)

$(WEB_FILES): build/web/packages $(WEB_SOURCES)
	$(SAY)
	$(QUIET)node web/build.mjs $(@D)

# What the bundle is made of and by; and with what its tests take. Nothing of it is committed, and
# none of it may run anything as it is installed.
NPM_CI = npm --prefix web ci --ignore-scripts --loglevel=error
build/web/packages: web/package.json web/package-lock.json web/.npmrc
	@mkdir -p $(@D)
	$(SAY)
	@command -v npm >/dev/null || { echo "the dashboard is built with node and npm (scripts/install.sh web); \
	make WEB=no leaves it out" >&2; exit 1; }
	$(QUIET)$(NPM_CI) --omit=dev >/dev/null
	@touch $@
build/web/test-packages: build/web/packages | $(WEB_FILES)
	$(SAY)
	$(QUIET)$(NPM_CI) >/dev/null
	@touch $@

# It embeds them.
$(BUILD)/server/history_migrations.o: $(wildcard migrations/*.sql)

# The commands, and the files they take: each changes only with its content. So other flags compile
# everything anew, and a source file that came or went makes its archive anew.
quoted = '$(subst ','\'',$(1))'
$(BUILD)/command $(BUILD)/sources $(BUILD)/web: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call quoted,$(CONTENT)) >$@.tmp
	@if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi
$(BUILD)/command: CONTENT = $(COMPILE) $(LINK) $(LIBS)
$(BUILD)/sources: CONTENT = $(C_SOURCES)
$(BUILD)/web: CONTENT = $(HAS_WEB)

FORCE:

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')

# ---- test programs ----

# A Criterion program from each folder below tests/ that has test_*.c files.
# malloc, calloc and realloc are wrapped so that tests can fail the n-th allocation; and the optimal
# solver, so that all that it answers there is proven.
CRITERION := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.c)))))
WRAP := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
CERTIFY := -Wl,--wrap=optimal_solver_solve -Wl,--wrap=optimal_solver_answer

define criterion_program
$(BUILD)/tests_$(1): $(call objects,tests/$(1)) $(call objects,tests/support)
endef
$(foreach folder,$(CRITERION),$(eval $(call criterion_program,$(folder))))
# Every store runs what every store must do.
$(BUILD)/tests_etcd: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/server/store_conformance*.c))
$(CRITERION:%=$(BUILD)/tests_%): $(LIBRARIES)
	$(SAY)
	$(QUIET)$(LINK) $(WRAP) $(CERTIFY) -o $@ $(filter %.o,$^) $(LIBRARIES) $(LIBS) -lcriterion

# A plain program, with a main of its own, from each file in tests/threads and tests/bench.
THREADS := $(patsubst tests/threads/%.c,%,$(call sources,tests/threads))
BENCHES := $(patsubst tests/bench/%.c,%,$(call sources,tests/bench))
$(THREADS:%=$(BUILD)/thread_%): $(BUILD)/thread_%: $(BUILD)/tests/threads/%.o
$(BENCHES:%=$(BUILD)/bench_%): $(BUILD)/bench_%: $(BUILD)/tests/bench/%.o
$(THREADS:%=$(BUILD)/thread_%) $(BENCHES:%=$(BUILD)/bench_%): $(SUPPORT) $(LIBRARIES)
	$(SAY)
	$(QUIET)$(LINK) -o $@ $(filter %.o,$^) $(SUPPORT) $(LIBRARIES) $(LIBS)

# A program of libFuzzer, which clang alone has, from each file in tests/fuzz: of api/ and core/, of
# what reads etcd's messages, and of the history's postings.
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz-clang/fuzz_%,$(call sources,tests/fuzz))
$(BUILD)/fuzz_etcd: $(BUILD)/server/etcd_grpc_answer.o $(BUILD)/$(MESSAGES).o
$(BUILD)/fuzz_postings: $(BUILD)/server/history_postings.o $(BUILD)/server/history_blob.o
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/%.o $(SUPPORT) $(API) $(CORE)
	$(SAY)
	$(QUIET)$(LINK) -fsanitize=fuzzer $(WRAP) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# These run the whole server, the one that lies beside them.
$(BUILD)/tests_e2e $(BUILD)/tests_chaos $(BENCHES:%=$(BUILD)/bench_%): | $(BUILD)/allotd

# ---- testing ----

ASAN_PROGRAMS := $(CRITERION:%=build/asan$(COMPILER)/tests_%)
TSAN_PROGRAMS := $(THREADS:%=build/tsan$(COMPILER)/thread_%)

test: ## install what the tests need beyond that, and run all of them
	@scripts/install.sh build run web test lint deb
	@$(MAKE) $(SUBMAKE) format-check
	@$(MAKE) $(SUBMAKE) check-core
	@$(MAKE) $(SUBMAKE) asan
	@$(MAKE) $(SUBMAKE) tsan
	@$(MAKE) $(SUBMAKE) clang
	@$(MAKE) $(SUBMAKE) fuzz FUZZ=$(FUZZ_SHORT)
	@$(MAKE) $(SUBMAKE) test-scripts
	@$(MAKE) $(SUBMAKE) test-web
	@$(MAKE) $(SUBMAKE) lint
	@echo "make test: all passed"

check: ## the fast subset of the tests
	@$(MAKE) $(SUBMAKE) format-check
	@$(MAKE) $(SUBMAKE) check-core
	@$(MAKE) $(SUBMAKE) asan

asan: ## run the Criterion programs under ASan and UBSan
	@$(MAKE) $(SUBMAKE) VARIANT=asan $(ASAN_PROGRAMS)
	@scripts/run_tests.sh $(ASAN_PROGRAMS)

tsan: ## run the programs with threads under TSan
	@$(MAKE) $(SUBMAKE) VARIANT=tsan $(TSAN_PROGRAMS)
	@scripts/run_tests.sh $(TSAN_PROGRAMS)

test-scripts: ## run the tests that are scripts, with an allotd under ASan
	@$(MAKE) $(SUBMAKE) VARIANT=asan build/asan$(COMPILER)/allotd
	@ALLOTD=build/asan$(COMPILER)/allotd scripts/run_tests.sh $(wildcard tests/scripts/test_*.sh)

test-web: build/web/test-packages ## try the dashboard in Chromium, with an allotd under ASan
	@$(MAKE) $(SUBMAKE) VARIANT=asan build/asan$(COMPILER)/allotd
	@$(MAKE) $(SUBMAKE) VARIANT=release build/release$(COMPILER)/allotd
	@ALLOTD=build/asan$(COMPILER)/allotd ALLOTD_LARGE=build/release$(COMPILER)/allotd \
		scripts/run_tests.sh tests/web/run.sh

screenshots: build/web/test-packages ## make the pictures in docs/ anew
	@$(MAKE) $(SUBMAKE) all
	@node tests/web/screenshots.mjs docs overview-light-1440 what-if-dark-1440

clang: ## build allotd and the test programs with clang
	@$(MAKE) $(SUBMAKE) CC=clang VARIANT=release $(patsubst %,build/release-clang/%,allotd \
		$(CRITERION:%=tests_%) $(THREADS:%=thread_%) $(BENCHES:%=bench_%))

fuzz: ## try the decoders with FUZZ seconds (600s), or inputs, each of what libFuzzer makes up
	@$(MAKE) $(SUBMAKE) CC=clang VARIANT=fuzz $(FUZZERS)
	@scripts/fuzz.sh $(FUZZ) $(FUZZERS)

cluster: ## start three etcds and three allotds on loopback, to play with, until Ctrl-C
	@scripts/install.sh build run test
	@$(MAKE) $(SUBMAKE) all
	@exec scripts/cluster.sh $(CLUSTER_DIR)

bench: ## measure; nothing passes or fails
	@$(MAKE) $(SUBMAKE) VARIANT=release all $(BENCHES:%=build/release$(COMPILER)/bench_%)
	@set -e; for program in $(BENCHES:%=build/release$(COMPILER)/bench_%) \
		$(wildcard tests/bench/*.sh); do echo "---- $$program"; $$program; done

drill: all ## let things go wrong that an alert is for, and do what the runbook says
	@tests/scripts/test_drill.sh

soak: ## SOAK times as much as a test run of what never ends: simulations, chaos, kills, threads
	@$(MAKE) $(SUBMAKE) VARIANT=asan build/asan$(COMPILER)/tests_core build/asan$(COMPILER)/tests_chaos
	@ALLOT_CHAOS_SECONDS=$$((60 * $(SOAK))) ALLOT_TEST_TIMEOUT=0 scripts/run_tests.sh \
		build/asan$(COMPILER)/tests_chaos
	@ALLOT_SIMULATIONS=$$((1000 * $(SOAK))) ALLOT_TEST_TIMEOUT=0 \
		CRITERION_TEST_PATTERN='loop_simulation/*' scripts/run_tests.sh \
		build/asan$(COMPILER)/tests_core
	@$(MAKE) $(SUBMAKE) VARIANT=asan build/asan$(COMPILER)/allotd
	@ALLOTD=build/asan$(COMPILER)/allotd HISTORY_KILLS=$$((10 * $(SOAK))) ALLOT_TEST_TIMEOUT=0 \
		scripts/run_tests.sh tests/scripts/test_history.sh
	@$(MAKE) $(SUBMAKE) VARIANT=tsan $(TSAN_PROGRAMS)
	@scripts/run_tests.sh $(foreach round,$(shell seq $(SOAK)),$(TSAN_PROGRAMS))

coverage: ## show which lines the Criterion programs run (build/coverage/index.html)
	@scripts/install.sh build test coverage
	@$(MAKE) $(SUBMAKE) VARIANT=coverage $(CRITERION:%=build/coverage$(COMPILER)/tests_%)
	@scripts/run_tests.sh $(CRITERION:%=build/coverage$(COMPILER)/tests_%)
	gcovr --root . --filter core/ --filter api/ --filter server/ --print-summary \
		--html-details build/coverage$(COMPILER)/index.html build/coverage$(COMPILER)

# ---- packaging ----

deb: ## install what is missing, and build a Debian package (build/allotd_*.deb)
	@scripts/install.sh build deb $(if $(HAS_WEB),web)
	@$(MAKE) $(SUBMAKE) all
	@scripts/build_deb.sh build/allotd build

test-deploy: deb ## try the package, the Dockerfile and the compose file, without an engine (as root; minutes)
	@scripts/install.sh deploy
	@tests/deploy/try_package.sh build/allotd_*.deb
	@tests/deploy/try_dockerfile.py
	@tests/deploy/try_compose.py

# ---- style ----

check-core: ## fail if the core isn't pure, by the symbols that it uses
	@$(MAKE) $(SUBMAKE) VARIANT=release build/release$(COMPILER)/libcore.a
	@scripts/check_core.sh build/release$(COMPILER)/libcore.a

format: ## format all C files
	clang-format -i $(C_SOURCES) $(C_HEADERS)

format-check: ## fail if a C file isn't formatted
	@clang-format --dry-run -Werror $(C_SOURCES) $(C_HEADERS)

# clang-tidy takes seconds for a file: each has a stamp, which knows its headers as an object does.
LINT := build/lint
TIDY_STAMPS := $(C_SOURCES:%.c=$(LINT)/%.tidy)

lint: $(TIDY_STAMPS) $(LINT)/cppcheck $(LINT)/shellcheck $(LINT)/types ## clang-tidy, cppcheck, shellcheck, tsc

$(TIDY_STAMPS): | $(MESSAGES).h
$(LINT)/%.tidy: %.c $(wildcard .clang-tidy tests/.clang-tidy)
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)clang-tidy --quiet $< -- $(LANGUAGE) 2>$@.log || { cat $@.log; exit 1; }
	@$(CC) $(LANGUAGE) -MM -MP -MT $@ -MF $(@:.tidy=.d) $<
	@touch $@

$(LINT)/cppcheck: tests/criterion.cfg $(C_SOURCES) $(C_HEADERS)
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --library=tests/criterion.cfg -I. $(C_SOURCES)
	@touch $@

$(LINT)/shellcheck: $(SHELL_SCRIPTS)
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)shellcheck $^
	@touch $@

$(LINT)/types: build/web/test-packages $(WEB_SOURCES)
	@mkdir -p $(@D)
	$(SAY)
	$(QUIET)web/node_modules/.bin/tsc -p web
	@touch $@

-include $(shell test -d $(LINT) && find $(LINT) -name '*.d')

# ---- other ----

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

clean: ## remove what was built (not the data directory)
	rm -rf build

.PHONY: all run test check check-core asan tsan test-scripts test-web drill test-deploy screenshots \
	clang fuzz cluster bench soak coverage deb format format-check lint help clean
