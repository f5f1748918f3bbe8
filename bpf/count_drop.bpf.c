// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The end of a benchmark's path: counts its packets (UDP to the discard port, RFC 863) and drops them. Everything else
 * is passed, because neighbour discovery and probes must go on.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DISCARD_PORT 9

/* 0 -> packets seen by each CPU */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} discarded SEC(".maps");

static __always_inline int count(void)
{
	__u32 index = 0;
	__u64 *packets = bpf_map_lookup_elem(&discarded, &index);

	if (packets)
		*packets += 1;
	return XDP_DROP;
}

SEC("xdp")
int detour_count_drop(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	const struct ethhdr *ethernet = (void *)(long)ctx->data;
	const struct iphdr *ip = (const void *)(ethernet + 1);
	const struct ipv6hdr *ip6 = (const void *)(ethernet + 1);
	const struct udphdr *udp;

	if ((const void *)(ethernet + 1) > end)
		return XDP_PASS;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		if ((const void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP || ip->ihl != 5)
			return XDP_PASS;
		udp = (const void *)(ip + 1);
	} else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		if ((const void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_UDP)
			return XDP_PASS;
		udp = (const void *)(ip6 + 1);
	} else {
		return XDP_PASS;
	}
	if ((const void *)(udp + 1) > end || udp->dest != bpf_htons(DISCARD_PORT))
		return XDP_PASS;
	return count();
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
