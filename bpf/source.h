/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Validation of IPv4 sources, as the kernel does it for what it forwards (fib_validate_source). The kernel has no such
 * check for IPv6, beyond what guard.h looks at. XDP never drops: a packet that the kernel might refuse is passed, so
 * that the stack decides, and counts it.
 *
 * Whatever rp_filter says, a source must not have a route of a type that is not unicast: this machine's own and
 * broadcast addresses. (With policy rules in place, and Detour has some, the kernel looks the source up even where
 * rp_filter is 0.) A source without any route passes then, as one with an unreachable route does.
 */
#ifndef DETOUR_SOURCE_H
#define DETOUR_SOURCE_H

#include "forward.h"
#include "packet.h"
#include "route.h"

/*
 * rp_filter 2: is there a unicast route back to the source? Only the kernel knows about every route, group routes that
 * it has lost for the moment included. The question is the kernel's own: with the addresses exchanged, as if it came in
 * by the interface that the packet is going to leave by. No neighbour is needed, and no size asked for.
 */
static __always_inline enum detour_reason validate_loosely(const struct packet *packet, __u32 egress_ifindex)
{
	struct bpf_fib_lookup fib = {
	    .family = AF_INET_NUMBER,
	    .ifindex = egress_ifindex,
	    .tos = packet->traffic_class,
	    .ipv4_src = packet->flow.destination_be[0],
	    .ipv4_dst = packet->flow.source_be[0],
	};

	switch (bpf_fib_lookup(packet->ctx, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return REASON_NONE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED: /* no answer: the egress does not forward what comes in by it */
		return REASON_FORWARDING_OFF;
	default:
		return REASON_RP_FILTER_LOOSE;
	}
}

/* For what is about to be forwarded. A route that is the stack's is of a type that is not known here. */
static __always_inline enum detour_reason guard_source(const struct packet *packet, const struct next_hop *hop)
{
	__u32 flags = packet->ingress->flags;

	if (packet->family != 4)
		return REASON_NONE;
	if (flags & INTERFACE_STRICT_SOURCE)
		return REASON_RP_FILTER_STRICT;
	if (flags & INTERFACE_LOOSE_SOURCE)
		return validate_loosely(packet, hop->ifindex);
	switch (route_kind(lookup_route(4, packet->flow.source_be))) {
	case ROUTE_LOCAL:
	case ROUTE_STACK:
		return REASON_MARTIAN_SOURCE;
	default:
		return REASON_NONE;
	}
}

#endif
