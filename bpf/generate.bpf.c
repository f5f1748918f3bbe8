// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * A packet generator for benchmarks, run by BPF_PROG_TEST_RUN with live frames on the client's end of a cable: XDP_TX
 * sends each frame to the other end. The kernel recycles the pages as they come back, with what the router wrote into
 * them, so every header is written anew for each packet.
 *
 * UDP to the discard port, round robin over `routes` prefixes, with SOURCE_PORTS flows.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "checksum.h"

#define DISCARD_PORT 9
#define FIRST_SOURCE_PORT 20000
#define SOURCE_PORTS 1024 /* a power of two */
#define HOP_LIMIT 64

const volatile __u8 client_mac[ETH_ALEN];
const volatile __u8 router_mac[ETH_ALEN];
const volatile __be32 source4_be;
const volatile __be32 source6_be[4];
/* Host order; route n has n added to its third byte: 10.100.n.1. At most 256. */
const volatile __u32 destination4;
/* Route n has n added to the 64 bits of the prefix: 2001:db8:100:n::1. */
const volatile __be32 destination6_be[4];
const volatile __u32 routes = 1;

/* One thread generates. */
__u32 sequence;

static __always_inline void write_ethernet(struct ethhdr *ethernet, __u16 protocol)
{
#pragma unroll
	for (int i = 0; i < ETH_ALEN; i++) {
		ethernet->h_dest[i] = router_mac[i];
		ethernet->h_source[i] = client_mac[i];
	}
	ethernet->h_proto = bpf_htons(protocol);
}

/* No UDP checksum: a router does not look at it. */
static __always_inline void write_udp(struct udphdr *udp, __u16 length, __u32 number)
{
	udp->source = bpf_htons(FIRST_SOURCE_PORT + (number & (SOURCE_PORTS - 1)));
	udp->dest = bpf_htons(DISCARD_PORT);
	udp->len = bpf_htons(length);
	udp->check = 0;
}

static __always_inline __u16 header_checksum(const struct iphdr *ip)
{
	const __u16 *word = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (unsigned int i = 0; i < sizeof(*ip) / sizeof(*word); i++)
		sum += word[i];
	return ~checksum_fold(sum);
}

SEC("xdp")
int detour_generate4(struct xdp_md *ctx)
{
	void *start = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = start;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 number = sequence++;

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;

	__u16 length = end - start - sizeof(*ethernet);

	write_ethernet(ethernet, ETH_P_IP);
	*(__u8 *)ip = 0x45;
	ip->tos = 0;
	ip->tot_len = bpf_htons(length);
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000); /* DF */
	ip->ttl = HOP_LIMIT;
	ip->protocol = IPPROTO_UDP;
	ip->check = 0;
	ip->saddr = source4_be;
	ip->daddr = bpf_htonl(destination4 + (number % routes << 8));
	ip->check = header_checksum(ip);
	write_udp(udp, length - sizeof(*ip), number);
	return XDP_TX;
}

SEC("xdp")
int detour_generate6(struct xdp_md *ctx)
{
	void *start = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = start;
	struct ipv6hdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 number = sequence++;

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;

	__u16 length = end - start - sizeof(*ethernet) - sizeof(*ip);

	write_ethernet(ethernet, ETH_P_IPV6);
	*(__be32 *)ip = bpf_htonl(6U << 28);
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = HOP_LIMIT;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->saddr.in6_u.u6_addr32[i] = source6_be[i];
		ip->daddr.in6_u.u6_addr32[i] = destination6_be[i];
	}
	ip->daddr.in6_u.u6_addr32[1] = bpf_htonl(bpf_ntohl(destination6_be[1]) + number % routes);
	write_udp(udp, length, number);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
