/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Keeps every type of abi.h in the object's BTF, from which the TypeScript side is generated. The compiler emits only
 * types that something uses; arrays of no elements use them without taking room. A type that is missing here is missing
 * in src/abi, whose test then fails.
 */
#ifndef DETOUR_ABI_TYPES_H
#define DETOUR_ABI_TYPES_H

#include <bpf/bpf_helpers.h>

#include "abi.h"

struct detour_abi {
	__u32 version;
	enum detour_constant constant[0];
	enum detour_limit limit[0];
	enum detour_reason reason[0];
	enum route_kind route_kind[0];
	enum interface_flag interface_flag[0];
	enum next_hop_flag next_hop_flag[0];
	enum settings_flag settings_flag[0];
	enum probe_session_flag probe_session_flag[0];
	enum event_type event_type[0];
	struct interface_key interface_key[0];
	struct interface interface[0];
	struct egress egress[0];
	struct route4_key route4_key[0];
	struct route6_key route6_key[0];
	struct route route[0];
	struct tier tier[0];
	struct group group[0];
	struct next_hop next_hop[0];
	struct counter counter[0];
	struct settings settings[0];
	struct probe_session probe_session[0];
	struct probe_payload probe_payload[0];
	struct gateway_peer_key gateway_peer_key[0];
	struct gateway_rate gateway_rate[0];
	struct probe_reply_event probe_reply_event[0];
};

/* In .rodata: user space refuses an object, or pinned state, of another version. */
const volatile struct detour_abi detour_abi SEC(".rodata") = {.version = DETOUR_ABI_VERSION};

#endif
