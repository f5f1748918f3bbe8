/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * IPv4 and IPv6 headers, checked as the stack checks them before it forwards (RFC 1812, 5.2.2; RFC 8200), and the flow
 * that the packet belongs to. Every length is held against the frame's before anything behind it is read.
 */
#ifndef DETOUR_PARSE_IP_H
#define DETOUR_PARSE_IP_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "checksum.h"
#include "packet.h"
#include "parse_ipv6_chain.h"

enum {
	IPV4_HEADER_WORDS = 5, /* IHL without options */
	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_FRAGMENT_OFFSET = 0x1fff,
	PROTOCOL_HAS_PORTS_BYTES = 4, /* source and destination port come first in all of them */
};

static __always_inline bool has_ports(__u32 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

/*
 * Ports count only if they lie within the IP packet (not in the padding behind it). A fragment has none, not even the
 * first one: all fragments of a packet must take the same path.
 */
static __always_inline enum detour_reason parse_ports(struct packet *packet)
{
	const __u32 *ports = transport_header(packet);
	__u32 l4_end = packet->l4_offset + PROTOCOL_HAS_PORTS_BYTES;

	if (packet->fragment || !has_ports(packet->flow.protocol))
		return REASON_NONE;
	if (l4_end > packet->l3_offset + packet->l3_length)
		return REASON_NONE;
	if (!ports || (void *)(ports + 1) > packet_end(packet))
		return REASON_TRUNCATED; /* in a later buffer: no driver splits there, and the stack copes */
	packet->flow.ports_be = *ports;
	return REASON_NONE;
}

static __always_inline enum fragment ipv4_fragment(__be16 field_be)
{
	if (field_be & bpf_htons(IPV4_FRAGMENT_OFFSET))
		return FRAGMENT_LATER;
	return field_be & bpf_htons(IPV4_MORE_FRAGMENTS) ? FRAGMENT_FIRST : FRAGMENT_NONE;
}

static __always_inline enum detour_reason parse_ipv4(struct packet *packet)
{
	struct iphdr *ip = packet_start(packet) + packet->l3_offset;
	__u32 available = packet->frame_length - packet->l3_offset;

	if ((void *)(ip + 1) > packet_end(packet))
		return REASON_TRUNCATED;
	if (ip->version != 4 || ip->ihl < IPV4_HEADER_WORDS)
		return REASON_BAD_HEADER;
	packet->l3_length = bpf_ntohs(ip->tot_len);
	if (packet->l3_length > available || packet->l3_length < ip->ihl * 4U)
		return REASON_TRUNCATED;
	packet->family = 4;
	packet->ttl = ip->ttl;
	packet->traffic_class = ip->tos;
	packet->fragment = ipv4_fragment(ip->frag_off);
	packet->flow.source_be[0] = ip->saddr;
	packet->flow.destination_be[0] = ip->daddr;
	packet->flow.protocol = ip->protocol;
	packet->l4_offset = packet->l3_offset + ip->ihl * 4U;
	if (ip->ihl > IPV4_HEADER_WORDS)
		return REASON_IP_OPTIONS;
	if (!ipv4_checksum_ok(ip))
		return REASON_BAD_HEADER;
	packet->l4_offset = packet->l3_offset + sizeof(*ip);
	return parse_ports(packet);
}

static __always_inline enum detour_reason parse_ipv6(struct packet *packet)
{
	struct ipv6hdr *ip = packet_start(packet) + packet->l3_offset;
	__u32 available = packet->frame_length - packet->l3_offset;

	if ((void *)(ip + 1) > packet_end(packet))
		return REASON_TRUNCATED;
	if (ip->version != 6)
		return REASON_BAD_HEADER;
	packet->l3_length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (packet->l3_length > available)
		return REASON_TRUNCATED;

	packet->family = 6;
	packet->ttl = ip->hop_limit;
	packet->flow_label_be = *(__be32 *)ip & bpf_htonl(0x0fffffff);
	__builtin_memcpy(packet->flow.source_be, &ip->saddr, sizeof(ip->saddr));
	__builtin_memcpy(packet->flow.destination_be, &ip->daddr, sizeof(ip->daddr));
	packet->flow.protocol = ip->nexthdr;
	packet->l4_offset = packet->l3_offset + sizeof(*ip);

	if (is_extension_header(ip->nexthdr)) {
		struct ipv6_chain chain = {
		    .l3_offset = packet->l3_offset,
		    .l3_length = packet->l3_length,
		    .next_header = ip->nexthdr,
		};
		enum detour_reason reason = walk_ipv6_chain(packet->ctx, &chain);

		packet->fragment = chain.fragment;
		packet->flow.protocol = chain.next_header;
		packet->l4_offset = chain.l4_offset;
		if (reason)
			return reason;
	}
	return parse_ports(packet);
}

#endif
