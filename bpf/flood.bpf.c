// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * A flood of the gateway protocol for the lab, run by BPF_PROG_TEST_RUN with live frames on the enemy's end of a cable:
 * XDP_TX sends each frame to the other end.
 *
 * The frame is a whole message over IPv6, made by user space (src/lab/flood.ts). What shall differ from packet to
 * packet is written here. The kernel recycles the pages as they come back: the same fields are written each time, so
 * what is in them from before does not matter, and nobody on the way writes the others.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "checksum.h"

/* docs/gateway-protocol.md, section 3 */
enum {
	SENDER_OFFSET = 8, /* in the message */
	SENDER_WORDS = 4,
	KEY_ID_WORDS = 2,
	CODE_WORDS = 4,
	PROOF_BYTES = 4 * (KEY_ID_WORDS + CODE_WORDS), /* the last of the message */
};

/* The longest message in the longest frame. */
#define FRAME_BYTES_MAX 1514

struct flood_frame {
	struct ethhdr ethernet;
	struct ipv6hdr ip;
	struct udphdr udp;
} __attribute__((packed));

/* Which bits of the last word of the source address differ: 0: one source. So does the end of the source MAC. */
const volatile __u32 source_mask;
const volatile __u8 random_sender;
const volatile __u8 random_key;
const volatile __u8 random_code;
const volatile __u32 frame_bytes;
/* Sum of all that the UDP checksum covers, without the fields that are written here. */
const volatile __u32 constant_sum;

/* @return the sum of what was written */
static __always_inline __u32 write_random(__u32 *field, int words)
{
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < words; i++) {
		__u32 word = bpf_get_prandom_u32();

		__builtin_memcpy(field + i, &word, sizeof(word));
		sum += (word & 0xffff) + (word >> 16);
	}
	return sum;
}

SEC("xdp")
int detour_flood(struct xdp_md *ctx)
{
	void *start = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct flood_frame *frame = start;
	__u32 length = frame_bytes;
	__u32 sum = constant_sum;

	if (length < sizeof(*frame) + SENDER_OFFSET + 4 * SENDER_WORDS + PROOF_BYTES || length > FRAME_BYTES_MAX)
		return XDP_ABORTED;
	if (start + length > end)
		return XDP_ABORTED;

	void *proof = start + length - PROOF_BYTES;

	if (source_mask) {
		__u32 host = bpf_get_prandom_u32() & source_mask;
		__be32 host_be = bpf_htonl(host);

		__builtin_memcpy(&frame->ip.saddr.in6_u.u6_addr32[3], &host_be, sizeof(host_be));
		__builtin_memcpy(&frame->ethernet.h_source[2], &host_be, sizeof(host_be));
		sum += (host_be & 0xffff) + (host_be >> 16);
	}
	if (random_sender)
		sum += write_random((void *)(frame + 1) + SENDER_OFFSET, SENDER_WORDS);
	if (random_key)
		sum += write_random(proof, KEY_ID_WORDS);
	if (random_code)
		sum += write_random(proof + 4 * KEY_ID_WORDS, CODE_WORDS);

	__u16 check = ~checksum_fold(sum);

	/* RFC 8200, section 8.1: 0 would mean that there is none. */
	frame->udp.check = check ? check : 0xffff;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
