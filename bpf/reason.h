/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Counting by ingress interface and reason, and what each reason means for the packet. */
#ifndef DETOUR_REASON_H
#define DETOUR_REASON_H

#include "maps.h"
#include "packet.h"

/* Row 0 counts what came in by no interface that we know. */
static __always_inline void count_reason(const struct packet *packet, enum detour_reason reason)
{
	__u32 slot = packet->ingress ? packet->ingress->slot : 0;
	__u32 index = slot * MAX_REASONS + reason;
	__u64 *packets = bpf_map_lookup_elem(&reason_counters, &index);

	if (packets)
		*packets += 1; /* per CPU, and XDP programs do not interrupt each other */
}

/* What is not understood, refused or doubtful goes to the stack: PASS is the default. */
static __always_inline int reason_verdict(enum detour_reason reason)
{
	switch (reason) {
	case REASON_FORWARDED:
	case REASON_FORWARDED_FIB:
		return XDP_REDIRECT;
	case REASON_BLACKHOLE:
	case REASON_REDIRECT_FAILED:
	case REASON_GATEWAY_HOP_LIMIT:
	case REASON_GATEWAY_MALFORMED:
	case REASON_GATEWAY_RATE:
	case REASON_PROBE_REPLY:
	case REASON_PROBE_WRONG_PATH:
	case REASON_PROBE_STALE:
		return XDP_DROP;
	default:
		return XDP_PASS;
	}
}

#endif
