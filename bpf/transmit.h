/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The last step. All that can be known to go wrong is found out first: up to the resize a packet is as it came, and the
 * stack can have it. After it there is no way back, so only a drop is left.
 */
#ifndef DETOUR_TRANSMIT_H
#define DETOUR_TRANSMIT_H

#include <linux/if_ether.h>

#include "maps.h"
#include "packet.h"
#include "rewrite.h"

/* A device drops such frames silently after the redirect (xdp_do_redirect runs when the program has ended). */
static __always_inline enum detour_reason check_egress(const struct packet *packet, const struct next_hop *hop)
{
	bool multi_buffer = packet->frame_length > packet_end(packet) - packet_start(packet);
	__u32 port_slot = hop->port_slot;

	if (!(hop->flags & NEXT_HOP_REDIRECT_OK))
		return REASON_EGRESS_NOT_XDP;
	if (multi_buffer && !(hop->flags & NEXT_HOP_REDIRECT_FRAGMENTS_OK))
		return REASON_EGRESS_NOT_XDP;
	if (!bpf_map_lookup_elem(&tx_ports, &port_slot))
		return REASON_EGRESS_NOT_XDP;
	if (!(hop->flags & NEXT_HOP_RESOLVED))
		return REASON_NEIGHBOUR_UNRESOLVED;
	return REASON_NONE;
}

/*
 * The IP header says what must fit, for padding does not count. But the frame as a whole must fit as well, padding,
 * tags and all: the kernel gives a redirected frame the MTU, the Ethernet header and one tag (xdp_ok_fwd_dev) and drops
 * the rest.
 */
static __always_inline enum detour_reason check_mtu(const struct packet *packet, const struct next_hop *hop)
{
	__u32 frame_limit = hop->mtu + sizeof(struct ethhdr) + sizeof(struct vlan_tag);

	if (packet->l3_length > hop->mtu || rewritten_length(packet, hop) > frame_limit)
		return REASON_OVER_MTU;
	return REASON_NONE;
}

/* Whether the packet, as it is, could be sent to the next hop. */
static __always_inline enum detour_reason check_departure(const struct packet *packet, const struct next_hop *hop)
{
	enum detour_reason reason = check_egress(packet, hop);

	return reason ? reason : check_mtu(packet, hop);
}

/* After check_departure. REASON_NONE: rewritten and redirected. */
static __always_inline enum detour_reason transmit(const struct packet *packet, const struct next_hop *hop)
{
	enum detour_reason reason = resize_link_header(packet, hop);

	if (reason)
		return reason;
	if (!rewrite(packet, hop))
		return REASON_REDIRECT_FAILED;
	if (bpf_redirect_map(&tx_ports, hop->port_slot, 0) != XDP_REDIRECT)
		return REASON_REDIRECT_FAILED; /* the port went away since check_egress */
	return REASON_NONE;
}

#endif
