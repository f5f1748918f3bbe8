/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What was sent to each next hop. Bytes are those of the frame as it leaves: link header, tags and padding included. */
#ifndef DETOUR_TELEMETRY_H
#define DETOUR_TELEMETRY_H

#include "maps.h"

static __always_inline void count_next_hop(__u32 next_hop_id, __u32 frame_length)
{
	struct counter *counter = bpf_map_lookup_elem(&next_hop_counters, &next_hop_id);

	if (!counter)
		return;
	counter->packets += 1;
	counter->bytes += frame_length;
}

#endif
