/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Ethernet and up to VLAN_DEPTH tags, 802.1Q or 802.1ad; and the logical interface that they add up to. */
#ifndef DETOUR_PARSE_LINK_H
#define DETOUR_PARSE_LINK_H

#include <linux/if_ether.h>

#include "maps.h"
#include "packet.h"

/* Behind the MAC addresses or the previous tag: tag protocol in the previous header, then this. */
struct vlan_tag {
	__be16 control_be; /* priority, drop eligible, VLAN id */
	__be16 next_protocol_be;
};

static __always_inline bool is_vlan_protocol(__u16 protocol)
{
	return protocol == ETH_P_8021Q || protocol == ETH_P_8021AD;
}

/*
 * Adds a tag to the ids, as Linux does (__netif_receive_skb_core): id 0 is a priority tag and names no VLAN, so that a
 * tag behind it is the outer one.
 */
static __always_inline void push_vlan_id(struct packet *packet, __u16 tag_protocol, __u16 control)
{
	__u16 id = control & VLAN_ID_MASK;

	if (!id)
		return;
	if (tag_protocol == ETH_P_8021AD)
		id |= VLAN_8021AD;
	if (!packet->vlan_id)
		packet->vlan_id = id;
	else
		packet->inner_vlan_id = id;
}

static __always_inline enum detour_reason parse_link(struct packet *packet)
{
	void *end = packet_end(packet);
	struct ethhdr *ethernet = packet_start(packet);
	struct vlan_tag *tag = (void *)(ethernet + 1);

	if ((void *)(ethernet + 1) > end)
		return REASON_TRUNCATED;
	packet->ethertype = bpf_ntohs(ethernet->h_proto);
	packet->l3_offset = sizeof(*ethernet);

#pragma unroll
	for (int depth = 0; depth < VLAN_DEPTH; depth++, tag++) {
		if (!is_vlan_protocol(packet->ethertype))
			return REASON_NONE;
		if ((void *)(tag + 1) > end)
			return REASON_TRUNCATED;
		push_vlan_id(packet, packet->ethertype, bpf_ntohs(tag->control_be));
		packet->ethertype = bpf_ntohs(tag->next_protocol_be);
		packet->l3_offset += sizeof(*tag);
		packet->tag_count++;
	}
	return is_vlan_protocol(packet->ethertype) ? REASON_VLAN_DEPTH : REASON_NONE;
}

static __always_inline enum detour_reason find_ingress(struct packet *packet)
{
	struct interface_key key = {
	    .port_ifindex = packet->ctx->ingress_ifindex,
	    .vlan_id = packet->vlan_id,
	    .inner_vlan_id = packet->inner_vlan_id,
	};

	packet->ingress = bpf_map_lookup_elem(&interfaces, &key);
	return packet->ingress ? REASON_NONE : REASON_UNKNOWN_INTERFACE;
}

/* A MAC address that is not ours may be another host's (promiscuous port, flooding switch) or a group's: then only
 * control.h looks at the packet. */
static __always_inline enum detour_reason check_destination_mac(struct packet *packet)
{
	const __u16 *ours = (const __u16 *)packet->ingress->mac;
	const __u16 *theirs = packet_start(packet);

	if ((void *)theirs + sizeof(struct ethhdr) > packet_end(packet))
		return REASON_TRUNCATED;
	if (*(const __u8 *)theirs & 1) {
		packet->to_many = packet->ingress->flags & INTERFACE_GATEWAY_PROTOCOL ? 1 : 0;
		return packet->to_many ? REASON_NONE : REASON_MULTICAST;
	}
	if ((ours[0] ^ theirs[0]) | (ours[1] ^ theirs[1]) | (ours[2] ^ theirs[2]))
		return REASON_NOT_OUR_MAC;
	return REASON_NONE;
}

#endif
