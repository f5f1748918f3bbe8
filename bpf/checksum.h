/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */
#ifndef DETOUR_CHECKSUM_H
#define DETOUR_CHECKSUM_H

#include <linux/ip.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* One's complement sum of up to 2^16 half words -> 16 bits. */
static __always_inline __u16 checksum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* True if the header checksum of an option-less IPv4 header is right; the caller has checked that 20 bytes are there.
 */
static __always_inline int ipv4_checksum_ok(const struct iphdr *ip)
{
	const __u16 *word = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (unsigned int i = 0; i < sizeof(*ip) / sizeof(*word); i++)
		sum += word[i];
	return checksum_fold(sum) == 0xffff;
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). Works in network order as it stands (RFC 1071, section 2 (B)). */
static __always_inline __u16 checksum_replace(__u16 checksum, __u16 old_word, __u16 new_word)
{
	__u32 sum = (__u16)~checksum;

	sum += (__u16)~old_word;
	sum += new_word;
	return ~checksum_fold(sum);
}

#endif
