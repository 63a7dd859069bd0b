# `make` builds the plugin, `make test` also tests it.
SLOPEFIELD ?= slopefield
CC ?= cc
CFLAGS ?= -O2 -Wall -Wextra
LIBRARY = {{file}}

$(LIBRARY): src/plugin.c include/slopefield_plugin.h
	mkdir -p $(dir $@)
	$(CC) -std=c99 $(CFLAGS) -shared -fPIC -fvisibility=hidden -Iinclude src/plugin.c -o $@ -lm

.PHONY: test clean
test: $(LIBRARY)
	$(SLOPEFIELD) plugin check .

clean:
	rm -rf lib
