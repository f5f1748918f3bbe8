// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Finds out whether devices take redirected frames, on kernels that do not say (before 6.3): one redirects a frame to a
 * device, the other hears what the kernel answered. Run by src/dataplane/redirect-trial.ts; never attached to a device.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct redirect_trial {
	__u32 map_id; /* of `target`: other people's redirects fail, too */
	__s32 error;  /* negative errno; 0: not refused */
};

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct redirect_trial);
} trial SEC(".maps");

SEC("xdp")
int try_redirect(struct xdp_md *ctx __attribute__((unused)))
{
	return bpf_redirect_map(&target, 0, XDP_DROP);
}

/* TP_PROTO(dev, xdp, tgt, err, map_type, map_id, index), include/trace/events/xdp.h. */
SEC("tp_btf/xdp_redirect_err")
int hear_refusal(unsigned long long *arguments)
{
	int error = (int)arguments[3];
	__u32 map_id = (__u32)arguments[5];
	__u32 key = 0;
	struct redirect_trial *state = bpf_map_lookup_elem(&trial, &key);

	if (state && map_id == state->map_id)
		state->error = error;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
