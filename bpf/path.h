/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The path of a packet, from the frame to a reason. Each step is in the header of its name. */
#ifndef DETOUR_PATH_H
#define DETOUR_PATH_H

#include <linux/if_ether.h>

#include "control.h"
#include "forward.h"
#include "guard.h"
#include "maps.h"
#include "packet.h"
#include "parse_ip.h"
#include "parse_link.h"
#include "reason.h"
#include "refresh.h"
#include "route.h"
#include "source.h"
#include "telemetry.h"
#include "transmit.h"

/* Ends the path of the function that it is used in, unless the step says "go on". */
#define STEP(call)                                                                                                     \
	do {                                                                                                           \
		enum detour_reason step_reason = (call);                                                               \
		if (step_reason)                                                                                       \
			return step_reason;                                                                            \
	} while (0)

/* Link and network header: after this the packet is known to be IP, for our MAC and well formed. */
static __always_inline enum detour_reason parse(struct packet *packet)
{
	STEP(parse_link(packet));
	STEP(find_ingress(packet));
	if (packet->ethertype != ETH_P_IP && packet->ethertype != ETH_P_IPV6)
		return REASON_NOT_IP;
	STEP(check_destination_mac(packet));
	return packet->ethertype == ETH_P_IP ? parse_ipv4(packet) : parse_ipv6(packet);
}

/* The destination's route -> where to send the packet. */
static __always_inline enum detour_reason decide(const struct packet *packet, struct departure *departure)
{
	struct route route = lookup_route(packet->family, packet->flow.destination_be);

	switch (route_kind(route)) {
	case ROUTE_GROUP:
		STEP(guard_ttl(packet));
		return forward_by_group(packet, route_group(route), departure);
	case ROUTE_FIB:
		STEP(guard_ttl(packet));
		return forward_by_fib(packet, departure);
	case ROUTE_LOCAL:
		return REASON_LOCAL;
	case ROUTE_BLACKHOLE:
		return REASON_BLACKHOLE;
	case ROUTE_NONE:
		return REASON_NO_ROUTE;
	default:
		return REASON_STACK_ROUTE;
	}
}

static __always_inline enum detour_reason process(struct packet *packet)
{
	struct departure departure = {};

	STEP(refuse_disguised_message(packet, parse(packet)));
	STEP(control(packet));
	STEP(guard_forwarding(packet));
	STEP(guard_addresses(packet));
	STEP(decide(packet, &departure));
	STEP(guard_source(packet, &departure.hop));
	STEP(check_departure(packet, &departure.hop));
	if (!departure.next_hop_id)
		STEP(refresh_neighbour(packet, departure.neighbour));
	STEP(transmit(packet, &departure.hop));
	if (!departure.next_hop_id)
		return REASON_FORWARDED_FIB;
	count_next_hop(departure.next_hop_id, rewritten_length(packet, &departure.hop));
	if (departure.rerouted)
		count_reason(packet, REASON_REROUTED);
	return REASON_FORWARDED;
}

/* Returns the XDP verdict. Every packet is counted under exactly one of the reasons that end the path. */
static __always_inline int run_path(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct packet packet = {
	    .ctx = ctx,
	    .settings = bpf_map_lookup_elem(&settings, &zero),
	    .frame_length = bpf_xdp_get_buff_len(ctx),
	};

	if (!packet.settings)
		return XDP_PASS; /* an array's element 0 is always there; the verifier does not know */

	enum detour_reason reason = process(&packet);

	count_reason(&packet, reason);
	return reason_verdict(reason);
}

#undef STEP

#endif
