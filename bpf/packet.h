/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the steps of the path know about a packet. Filled from the outside in: parse.h writes it, the others read it.
 * Pointers into the packet are not kept here: each step derives its own from ctx, because a resize invalidates them.
 *
 * A step returns an enum detour_reason: REASON_NONE means "go on", anything else ends the path (reason.h).
 */
#ifndef DETOUR_PACKET_H
#define DETOUR_PACKET_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* What flows are told apart by. Addresses as they are on the wire; IPv4 uses the first word, the others stay 0. */
struct flow {
	__be32 source_be[4];
	__be32 destination_be[4];
	__u32 ports_be; /* source and destination port; 0 for fragments and protocols without ports */
	__u32 protocol;
};

enum fragment {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST = 1, /* the transport header is in it */
	FRAGMENT_LATER = 2,
};

struct packet {
	struct xdp_md *ctx;
	const struct settings *settings;
	const struct interface *ingress; /* NULL: unknown */
	__u32 frame_length;		 /* all buffers, link header and padding included */
	__u32 l3_length;		 /* by the IP header; never more than the frame has */
	__u32 l3_offset;
	__u32 l4_offset;     /* 0: behind more extension headers than we look at */
	__u16 ethertype;     /* behind the tags, host order */
	__u16 vlan_id;	     /* as in struct interface_key */
	__u16 inner_vlan_id; /* as in struct interface_key */
	__u8 tag_count;	     /* tags in the frame, priority tags included */
	__u8 family;	     /* 4 or 6 */
	__u8 fragment;	     /* enum fragment */
	__u8 to_many;	     /* 1: the destination MAC is a group's; only on interfaces that look at such */
	__u8 ttl;	     /* or hop limit */
	__u8 traffic_class;  /* or TOS */
	__u32 flow_label_be; /* IPv6: traffic class and flow label, as bpf_fib_lookup wants them */
	struct flow flow;
};

static __always_inline void *packet_start(const struct packet *packet)
{
	return (void *)(long)packet->ctx->data;
}

/* End of the first buffer: of a multi-buffer frame only this much can be read directly. */
static __always_inline void *packet_end(const struct packet *packet)
{
	return (void *)(long)packet->ctx->data_end;
}

#endif
