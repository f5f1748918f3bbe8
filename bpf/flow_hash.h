/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The flow hash: what decides which member carries a flow. Seeded, so that nobody outside can aim flows at one member.
 * Each step is a multiplication by an odd constant and a fold of the upper half into the lower; test/helpers has the
 * same function for the oracle.
 */
#ifndef DETOUR_FLOW_HASH_H
#define DETOUR_FLOW_HASH_H

#include "packet.h"

static __always_inline __u64 hash_mix(__u64 state, __u64 word)
{
	state = (state ^ word) * 0x9e3779b97f4a7c15ULL; /* 2^64 divided by the golden ratio */
	return state ^ state >> 32;
}

static __always_inline __u64 hash_pair(__u64 state, __u32 high, __u32 low)
{
	return hash_mix(state, (__u64)high << 32 | low);
}

static __always_inline __u32 flow_hash(const struct packet *packet)
{
	const struct flow *flow = &packet->flow;
	__u64 state = hash_pair(0, packet->settings->hash_seed, packet->family);

	state = hash_pair(state, flow->source_be[0], flow->destination_be[0]);
	if (packet->family == 6) {
		state = hash_pair(state, flow->source_be[1], flow->destination_be[1]);
		state = hash_pair(state, flow->source_be[2], flow->destination_be[2]);
		state = hash_pair(state, flow->source_be[3], flow->destination_be[3]);
	}
	state = hash_pair(state, flow->ports_be, flow->protocol);
	return hash_mix(state, 0);
}

/* The n-th further hash of the same flow, n >= 1: independent of the first, the same for each packet of the flow. */
static __always_inline __u32 rehash(__u32 hash, __u32 n)
{
	return hash_mix(hash_pair(0, hash, n), 0);
}

#endif
