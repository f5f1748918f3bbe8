/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of exactly 24 bytes: what a probe's cookie
 * covers. The function is defined on little-endian words; the key's 16 bytes are cookie_key as it lies in memory.
 */
#ifndef DETOUR_SIPHASH_H
#define DETOUR_SIPHASH_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SIPHASH_WORD(x) (x)
#else
#define SIPHASH_WORD(x) __builtin_bswap64(x)
#endif

enum { SIPHASH_INPUT_WORDS = 3 };

struct siphash_state {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 rotate_left(__u64 value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static __always_inline void siphash_round(struct siphash_state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static __always_inline void siphash_absorb(struct siphash_state *s, __u64 word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

static __always_inline __u64 siphash_24_bytes(const __u64 key[2], const __u64 input[SIPHASH_INPUT_WORDS])
{
	const __u64 key0 = SIPHASH_WORD(key[0]), key1 = SIPHASH_WORD(key[1]);
	struct siphash_state s = {
	    .v0 = key0 ^ 0x736f6d6570736575ULL,
	    .v1 = key1 ^ 0x646f72616e646f6dULL,
	    .v2 = key0 ^ 0x6c7967656e657261ULL,
	    .v3 = key1 ^ 0x7465646279746573ULL,
	};

#pragma unroll
	for (int i = 0; i < SIPHASH_INPUT_WORDS; i++)
		siphash_absorb(&s, SIPHASH_WORD(input[i]));
	siphash_absorb(&s, (__u64)(SIPHASH_INPUT_WORDS * 8) << 56); /* the last block: length and no bytes left */
	s.v2 ^= 0xff;
#pragma unroll
	for (int i = 0; i < 4; i++)
		siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
