/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * IPv6 extension headers (RFC 8200, section 4). Hop-by-hop options and routing headers are for routers to look at, and
 * so for the stack; the others only stand between us and the ports.
 */
#ifndef DETOUR_PARSE_IPV6_CHAIN_H
#define DETOUR_PARSE_IPV6_CHAIN_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"

enum {
	MAX_CHAIN_HEADERS = 6, /* longer chains are left to the stack */
	MAX_CHAIN_END = 64 + MAX_CHAIN_HEADERS * 256 * 8,
	CHAIN_END_MASK = 0x3fff,
};
_Static_assert((MAX_CHAIN_END & CHAIN_END_MASK) == MAX_CHAIN_END, "the mask changes no offset");

/*
 * In: offsets from the start of the frame, first header. Out: where the chain ended, and with what; l4_offset stays 0
 * where no end was found. Also filled in with REASON_EXTENSION_HEADER, if it has an end.
 */
struct ipv6_chain {
	__u32 l3_offset;
	__u32 l3_length;
	__u32 l4_offset;
	__u32 next_header;
	__u32 fragment; /* enum fragment */
};

static __always_inline bool is_extension_header(__u32 next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING || next_header == IPPROTO_DSTOPTS ||
	       next_header == IPPROTO_AH || next_header == IPPROTO_FRAGMENT;
}

/*
 * A function of its own to the verifier: its many paths end here instead of multiplying with what follows.
 * A fragment header ends the walk: what follows it is only in the first fragment, and all must hash alike.
 */
__noinline int walk_ipv6_chain(struct xdp_md *ctx, struct ipv6_chain *chain)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (!chain)
		return REASON_EXTENSION_HEADER;

	__u32 next_header = chain->next_header;
	enum detour_reason for_stack = REASON_NONE;
	__u32 l3_end = chain->l3_offset + chain->l3_length;
	__u32 offset = chain->l3_offset + 40;

	for (int i = 0; i <= MAX_CHAIN_HEADERS; i++) {
		if (next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING)
			for_stack = REASON_EXTENSION_HEADER;
		if (!is_extension_header(next_header)) {
			chain->next_header = next_header;
			chain->l4_offset = offset;
			return for_stack;
		}
		if (offset > MAX_CHAIN_END || offset + 8 > l3_end)
			return for_stack ? for_stack : REASON_TRUNCATED;

		const __u8 *header = data + offset;

		if ((void *)(header + 8) > end)
			return for_stack ? for_stack : REASON_TRUNCATED;
		if (next_header == IPPROTO_FRAGMENT) {
			chain->next_header = header[0];
			chain->l4_offset = offset + 8;
			chain->fragment = (header[2] | (header[3] & 0xf8)) ? FRAGMENT_LATER : FRAGMENT_FIRST;
			return for_stack;
		}
		/* AH counts 4-byte words less two (RFC 4302), the others 8-byte words less one */
		offset += next_header == IPPROTO_AH ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
		if (offset > l3_end)
			return for_stack ? for_stack : REASON_TRUNCATED;
		next_header = header[0];
	}
	return REASON_EXTENSION_HEADER;
}

/*
 * Where the transport header begins; NULL: not within what is looked at. The only way to it: wherever the compiler
 * keeps the offset meanwhile, the bound holds for the value that is used, which is all that the verifier of Linux 6.1
 * remembers.
 */
static __always_inline void *transport_header(const struct packet *packet)
{
	__u32 offset = packet->l4_offset;

	if (offset > MAX_CHAIN_END)
		return NULL;
	/* After it no compiler can come back to a copy that was not compared. The walk never gets that far. */
	asm volatile("%0 &= %1" : "+r"(offset) : "i"(CHAIN_END_MASK));
	return packet_start(packet) + offset;
}

#endif
