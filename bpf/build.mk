# Builds build/bpf/*.bpf.o. Included by the top Makefile, or used alone: make -f bpf/build.mk
# Needs clang, llvm-strip and libbpf's headers; no kernel headers beyond the UAPI ones, no vmlinux.h.
# V=1 shows the whole command lines; V=0 is the same as none.

CLANG ?= $(shell command -v clang-19 || echo clang)
LLVM_STRIP ?= $(shell command -v llvm-strip-19 || echo llvm-strip)
# <asm/types.h> is in the multiarch directory on Debian, in /usr/include elsewhere. "bpf" has the host's byte order.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wshadow \
	$(addprefix -idirafter ,$(wildcard /usr/include/$(shell uname -m)-linux-gnu))

BPF_SOURCES := $(wildcard bpf/*.bpf.c)
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.c=build/bpf/%.o)

BPF_QUIET := $(if $(filter-out 0,$(V)),,@)

.PHONY: bpf bpf-clean
.DELETE_ON_ERROR:

bpf: $(BPF_OBJECTS)

# -g makes BTF and DWARF; only the BTF is kept.
build/bpf/%.bpf.o: bpf/%.bpf.c bpf/build.mk | build/bpf
	$(if $(BPF_QUIET),@echo "  BPF     $@")
	$(BPF_QUIET)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@
	$(BPF_QUIET)$(LLVM_STRIP) -g $@

build/bpf:
	$(BPF_QUIET)mkdir -p $@

bpf-clean:
	$(BPF_QUIET)rm -rf build/bpf

-include $(BPF_OBJECTS:.o=.d)
