/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where to: a next hop of a group, or what the kernel's FIB says. Both end in a struct next_hop, for transmit.h. */
#ifndef DETOUR_FORWARD_H
#define DETOUR_FORWARD_H

#include <linux/if_ether.h>

#include "flow_hash.h"
#include "maps.h"
#include "packet.h"
#include "select.h"

enum {
	AF_INET_NUMBER = 2, /* <sys/socket.h> is not for BPF */
	AF_INET6_NUMBER = 10,
};

/* What forwarding has decided. */
struct departure {
	struct next_hop hop;
	__u32 next_hop_id; /* 0: by the FIB */
	__u32 neighbour;   /* by the FIB: hash of the neighbour */
	bool rerouted;
};

/* A row is immutable while next_hop_slots names it: the copy is consistent. */
static __always_inline enum detour_reason load_next_hop(__u32 next_hop_id, struct next_hop *hop)
{
	const __u32 *row = bpf_map_lookup_elem(&next_hop_slots, &next_hop_id);
	const struct next_hop *published;

	if (!row || !*row)
		return REASON_BAD_GROUP;

	__u32 index = *row;

	published = bpf_map_lookup_elem(&next_hops, &index);
	if (!published)
		return REASON_BAD_GROUP;
	*hop = *published;
	return REASON_NONE;
}

static __always_inline enum detour_reason forward_by_group(const struct packet *packet, __u32 group_id,
							   struct departure *departure)
{
	__u32 selected = select_next_hop(group_id, flow_hash(packet));

	if (selected == SELECT_NONE_ALIVE)
		return REASON_NO_LIVE_MEMBER;
	if (selected == SELECT_BAD_GROUP)
		return REASON_BAD_GROUP;
	departure->next_hop_id = selected & SELECT_ID_MASK;
	departure->rerouted = selected & SELECT_REROUTED;
	return load_next_hop(departure->next_hop_id, &departure->hop);
}

static __always_inline enum detour_reason fib_reason(long result)
{
	switch (result) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return REASON_NONE;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return REASON_FORWARDING_OFF;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return REASON_NEIGHBOUR_UNRESOLVED;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return REASON_OVER_MTU;
	default:
		return REASON_STACK_ROUTE;
	}
}

static __always_inline void fib_question(const struct packet *packet, struct bpf_fib_lookup *fib)
{
	const struct flow *flow = &packet->flow;

	fib->l4_protocol = flow->protocol;
	fib->sport = (__be16)(flow->ports_be & 0xffff); /* the first two bytes on the wire, in network order */
	fib->dport = (__be16)(flow->ports_be >> 16);
	fib->tot_len = packet->l3_length;
	fib->ifindex = packet->ingress->ifindex;
	if (packet->family == 4) {
		fib->family = AF_INET_NUMBER;
		fib->tos = packet->traffic_class;
		fib->ipv4_src = flow->source_be[0];
		fib->ipv4_dst = flow->destination_be[0];
	} else {
		fib->family = AF_INET6_NUMBER;
		fib->flowinfo = packet->flow_label_be;
		__builtin_memcpy(fib->ipv6_src, flow->source_be, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, flow->destination_be, sizeof(fib->ipv6_dst));
	}
}

/* A successful bpf_fib_lookup leaves the gateway's address where the destination's was, if there is a gateway. */
static __always_inline __u32 neighbour_hash(const struct bpf_fib_lookup *fib)
{
	__u64 state = hash_pair(0, fib->ifindex, fib->ipv6_dst[0]);

	state = hash_pair(state, fib->ipv6_dst[1], fib->ipv6_dst[2]);
	return hash_mix(state, fib->ipv6_dst[3]);
}

static __always_inline enum detour_reason forward_by_fib(const struct packet *packet, struct departure *departure)
{
	struct bpf_fib_lookup fib = {};
	struct next_hop *hop = &departure->hop;
	enum detour_reason reason;

	fib_question(packet, &fib);
	reason = fib_reason(bpf_fib_lookup(packet->ctx, &fib, sizeof(fib), 0));
	if (reason)
		return reason;

	__u32 ifindex = fib.ifindex;
	const struct egress *leave = bpf_map_lookup_elem(&egress, &ifindex);

	if (!leave)
		return REASON_EGRESS_NOT_XDP;
	departure->neighbour = neighbour_hash(&fib);
	hop->ifindex = ifindex;
	hop->port_slot = leave->port_slot;
	hop->flags = NEXT_HOP_RESOLVED; /* otherwise bpf_fib_lookup had not succeeded */
	if (leave->flags & INTERFACE_REDIRECT_OK)
		hop->flags |= NEXT_HOP_REDIRECT_OK;
	if (leave->flags & INTERFACE_REDIRECT_FRAGMENTS_OK)
		hop->flags |= NEXT_HOP_REDIRECT_FRAGMENTS_OK;
	hop->mtu = leave->mtu;
	hop->vlan_id = leave->vlan_id;
	hop->inner_vlan_id = leave->inner_vlan_id;
	__builtin_memcpy(hop->source_mac, fib.smac, ETH_ALEN);
	__builtin_memcpy(hop->destination_mac, fib.dmac, ETH_ALEN);
	return REASON_NONE;
}

#endif
