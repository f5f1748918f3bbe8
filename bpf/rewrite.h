/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Makes the frame the next hop's: tags, MAC addresses, TTL. Everything in front of the IP header is written anew, so
 * nothing needs to be moved when tags come or go. As a VLAN device without a QoS map does, the priority is left 0.
 */
#ifndef DETOUR_REWRITE_H
#define DETOUR_REWRITE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "abi.h"
#include "checksum.h"
#include "packet.h"
#include "parse_link.h"

static __always_inline __u32 next_hop_tags(const struct next_hop *hop)
{
	if (!hop->vlan_id)
		return 0;
	return hop->inner_vlan_id ? 2 : 1;
}

static __always_inline __u32 rewritten_length(const struct packet *packet, const struct next_hop *hop)
{
	return packet->frame_length - packet->l3_offset + sizeof(struct ethhdr) +
	       next_hop_tags(hop) * sizeof(struct vlan_tag);
}

/* Moves the start of the frame to where it must be. On failure nothing has changed. */
static __always_inline enum detour_reason resize_link_header(const struct packet *packet, const struct next_hop *hop)
{
	int shrink_bytes = ((int)packet->tag_count - (int)next_hop_tags(hop)) * (int)sizeof(struct vlan_tag);

	if (shrink_bytes && bpf_xdp_adjust_head(packet->ctx, shrink_bytes))
		return REASON_HEADROOM;
	return REASON_NONE;
}

static __always_inline __be16 vlan_protocol_be(__u16 vlan_id)
{
	return vlan_id & VLAN_8021AD ? bpf_htons(ETH_P_8021AD) : bpf_htons(ETH_P_8021Q);
}

static __always_inline void write_tag(struct vlan_tag *tag, __u16 vlan_id, __be16 next_protocol_be)
{
	tag->control_be = bpf_htons(vlan_id & VLAN_ID_MASK);
	tag->next_protocol_be = next_protocol_be;
}

/* RFC 1812, 5.3.1. TTL and protocol share a 16-bit word of the checksum. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__be16 *word = (__be16 *)&ip->ttl;
	__be16 old_word = *word;

	ip->ttl--;
	ip->check = checksum_replace(ip->check, old_word, *word);
}

/* After resize_link_header. False cannot happen (the headers were there before); the verifier wants to see it. */
static __always_inline bool rewrite(const struct packet *packet, const struct next_hop *hop)
{
	__u32 tags = next_hop_tags(hop);
	__be16 ethertype_be = bpf_htons(packet->ethertype);
	void *end = packet_end(packet);
	struct ethhdr *ethernet = packet_start(packet);
	struct vlan_tag *tag = (void *)(ethernet + 1);
	void *l3 = (void *)(tag + tags);

	if (l3 + (packet->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > end)
		return false;

	__builtin_memcpy(ethernet->h_dest, hop->destination_mac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, hop->source_mac, ETH_ALEN);
	ethernet->h_proto = tags ? vlan_protocol_be(hop->vlan_id) : ethertype_be;
	if (tags == 1)
		write_tag(tag, hop->vlan_id, ethertype_be);
	if (tags == 2) {
		write_tag(tag, hop->vlan_id, vlan_protocol_be(hop->inner_vlan_id));
		write_tag(tag + 1, hop->inner_vlan_id, ethertype_be);
	}

	if (packet->family == 4)
		decrement_ttl(l3);
	else
		((struct ipv6hdr *)l3)->hop_limit--;
	return true;
}

#endif
