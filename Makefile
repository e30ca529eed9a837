# allot: everyday commands. `make help` lists them.
.DEFAULT_GOAL := all

CC ?= gcc
VARIANT ?= release
BUILD := build/$(VARIANT)

PACKAGES := libmicrohttpd json-c sqlite3 gnutls zlib
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS_release := -O2 -g -DNDEBUG=1 -fstack-protector-strong
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
ALL_CFLAGS = -std=c17 $(WARNINGS) $(CFLAGS_$(VARIANT)) $(shell pkg-config --cflags $(PACKAGES)) $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize=%,$(CFLAGS_$(VARIANT))) $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lm -lpthread

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
CORE := $(BUILD)/libcore.a
API := $(BUILD)/libapi.a
SERVER := $(BUILD)/libserver.a

all: build/allotd ## build allotd

build/allotd: $(BUILD)/allotd
	cp $< $@.tmp && mv $@.tmp $@

$(BUILD)/allotd: $(BUILD)/server/main.o $(SERVER) $(API) $(CORE)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(CORE): $(call objects,core)
$(API): $(call objects,api)
$(SERVER): $(filter-out %/main.o,$(call objects,server))
$(CORE) $(API) $(SERVER):
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Criterion programs: one for each folder below tests/, with the shared helpers of tests/support.
# malloc, calloc and realloc are wrapped so that tests can fail the n-th allocation.
WRAP := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
$(BUILD)/tests_%: $(SERVER) $(API) $(CORE)
	$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $(filter %.o,$^) $(SERVER) $(API) $(CORE) $(LIBS) -lcriterion
$(BUILD)/tests_core: $(call objects,tests/core) $(call objects,tests/support)
$(BUILD)/tests_api: $(call objects,tests/api) $(call objects,tests/support)
$(BUILD)/tests_server: $(call objects,tests/server) $(call objects,tests/support)

-include $(shell find build -name '*.d' 2>/dev/null)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

clean: ## remove what was built
	rm -rf build

.PHONY: all help clean
