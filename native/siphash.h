/** SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

using SipHashKey = std::array<uint8_t, 16>;

uint64_t sipHash24(const SipHashKey &key, const void *data, size_t size);
