/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What no router forwards, or what this one was told not to: to the stack, with a reason. */
#ifndef DETOUR_GUARD_H
#define DETOUR_GUARD_H

#include "packet.h"

/* The switch of the whole data plane and the interface's own sysctl. */
static __always_inline enum detour_reason guard_forwarding(const struct packet *packet)
{
	__u32 wanted = packet->family == 4 ? INTERFACE_FORWARD_IPV4 : INTERFACE_FORWARD_IPV6;

	if (!(packet->settings->flags & SETTINGS_FORWARD) || !(packet->ingress->flags & wanted))
		return REASON_FORWARDING_OFF;
	return REASON_NONE;
}

/* 0/8 and 127/8 (RFC 1122, 3.2.1.3), 240/4 (RFC 1112, 4), multicast and broadcast are no unicast addresses. */
static __always_inline bool is_ipv4_martian(__u32 address)
{
	__u32 first = address >> 24;

	return first == 0 || first == 127 || first >= 240;
}

static __always_inline bool is_ipv4_multicast(__u32 address)
{
	return address >> 28 == 0xe || address == 0xffffffff;
}

/* RFC 3927, section 7: a router must not forward it. */
static __always_inline bool is_ipv4_link_local(__u32 address)
{
	return address >> 16 == 0xa9fe;
}

static __always_inline enum detour_reason guard_ipv4_addresses(const struct flow *flow)
{
	__u32 source = bpf_ntohl(flow->source_be[0]);
	__u32 destination = bpf_ntohl(flow->destination_be[0]);

	if (is_ipv4_multicast(destination))
		return REASON_MULTICAST;
	if (is_ipv4_multicast(source) || is_ipv4_martian(source) || is_ipv4_martian(destination))
		return REASON_MARTIAN;
	if (is_ipv4_link_local(source) || is_ipv4_link_local(destination))
		return REASON_LINK_LOCAL;
	return REASON_NONE;
}

static __always_inline bool is_ipv6_multicast(const __be32 address_be[4])
{
	return (bpf_ntohl(address_be[0]) >> 24) == 0xff;
}

/* ::/128 and ::1 (RFC 4291, 2.5.2 and 2.5.3), and ::ffff:0:0/96, which must not be on the wire (RFC 6890). */
static __always_inline bool is_ipv6_martian(const __be32 address_be[4])
{
	if (address_be[0] | address_be[1])
		return false;
	return address_be[2] == bpf_htonl(0xffff) || (!address_be[2] && bpf_ntohl(address_be[3]) <= 1);
}

/* RFC 4291, 2.5.6 */
static __always_inline bool is_ipv6_link_local(const __be32 address_be[4])
{
	return (bpf_ntohl(address_be[0]) & 0xffc00000) == 0xfe800000;
}

static __always_inline enum detour_reason guard_ipv6_addresses(const struct flow *flow)
{
	if (is_ipv6_multicast(flow->destination_be))
		return REASON_MULTICAST;
	if (is_ipv6_multicast(flow->source_be) || is_ipv6_martian(flow->source_be) ||
	    is_ipv6_martian(flow->destination_be))
		return REASON_MARTIAN;
	if (is_ipv6_link_local(flow->source_be) || is_ipv6_link_local(flow->destination_be))
		return REASON_LINK_LOCAL;
	return REASON_NONE;
}

static __always_inline enum detour_reason guard_addresses(const struct packet *packet)
{
	return packet->family == 4 ? guard_ipv4_addresses(&packet->flow) : guard_ipv6_addresses(&packet->flow);
}

/* Only for what is to be forwarded: a packet to this machine may arrive with TTL 1. */
static __always_inline enum detour_reason guard_ttl(const struct packet *packet)
{
	return packet->ttl <= 1 ? REASON_TTL : REASON_NONE;
}

#endif
