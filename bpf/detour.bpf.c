// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The forwarding program, twice: user space loads detour_xdp_frags where the kernel and the driver take multi-buffer
 * frames, and detour_xdp elsewhere (bpf_program__set_autoload). They differ in nothing else. One of them at a time: the
 * kernel ties a device map to programs that are alike in this (bpf_prog_map_compatible), so both in one load are
 * EINVAL.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi_types.h"
#include "path.h"

SEC("xdp")
int detour_xdp(struct xdp_md *ctx)
{
	return run_path(ctx);
}

SEC("xdp.frags")
int detour_xdp_frags(struct xdp_md *ctx)
{
	return run_path(ctx);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
