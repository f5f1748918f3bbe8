/** What the kernel says of a BPF map: the sizes that every transfer between it and a buffer is checked against. */
#pragma once

#include <linux/bpf.h>

#include <cstddef>

/** Throws SystemError when `mapFd` is no map. */
bpf_map_info mapInfo(int mapFd);

/** Bytes that one look-up writes: of a per-CPU map all possible CPUs' values, each rounded up to 8 bytes. */
size_t valueStride(const bpf_map_info &info);
