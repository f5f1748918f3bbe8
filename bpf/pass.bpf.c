// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Passes everything. For the far end of a veth pair in a lab: a veth takes redirected frames only if its peer runs
 * NAPI, and having an XDP program is what makes it do so.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int detour_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
