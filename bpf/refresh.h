/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Keeps the kernel's neighbour entries honest where XDP forwards by them. bpf_fib_lookup takes an entry that has gone
 * STALE and does not mark it used, so the kernel would never verify it: a host that has moved to another MAC without a
 * word would be lost for ever. Therefore one packet in settings.neighbour_refresh_ms to each neighbour goes through the
 * stack, which marks the entry as it does for everything that it forwards, and probes it when that is due.
 *
 * Neighbours share slots by hash. So that none is hidden behind a busier one in the same slot for long, the hash
 * changes with every EPOCH; what a slot says of an earlier epoch's neighbour is at worst one more packet for the stack.
 */
#ifndef DETOUR_REFRESH_H
#define DETOUR_REFRESH_H

#include "flow_hash.h"
#include "maps.h"
#include "packet.h"

enum { EPOCH_SHIFT = 36 }; /* 2^36 ns: 69 s */

/* Of all CPUs that find the time has come, one passes its packet. The first packet to a neighbour only starts the
 * clock. */
static __always_inline enum detour_reason refresh_neighbour(const struct packet *packet, __u32 neighbour)
{
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	__u32 slot = hash_pair(0, neighbour, now_ns >> EPOCH_SHIFT) & (MAX_NEIGHBOUR_SLOTS - 1);
	__u64 *used_ns = bpf_map_lookup_elem(&neighbour_uses, &slot);
	__s64 interval_ns = packet->settings->neighbour_refresh_ms * 1000000ULL;
	__u64 before_ns;

	if (!used_ns)
		return REASON_NONE;
	before_ns = *(volatile __u64 *)used_ns;
	/* Signed: another CPU may have read a later time than this one. */
	if (before_ns && (__s64)(now_ns - before_ns) < interval_ns)
		return REASON_NONE;
	if (__sync_val_compare_and_swap(used_ns, before_ns, now_ns) != before_ns)
		return REASON_NONE;
	return before_ns ? REASON_NEIGHBOUR_REFRESH : REASON_NONE;
}

#endif
