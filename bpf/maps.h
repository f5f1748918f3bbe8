/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The maps, one line each: key -> value. User space may change max_entries before load; nothing here relies on the
 * sizes, every index is checked by its lookup. Programs write counters, neighbour_uses, rates and events; all else is
 * user space's.
 */
#ifndef DETOUR_MAPS_H
#define DETOUR_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* Defaults of this implementation, not part of the ABI. */
enum {
	ROUTE_TABLE_ENTRIES = 1 << 20, /* an upper bound: a trie allocates nodes as they come */
	EVENT_RING_BYTES = 1 << 18,    /* 4096 probe replies: 2 s of 10 sessions at 5 ms without a reader */
};

#define DETOUR_MAP(name, map_type, entries, key_type, value_type, flags)                                               \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_##map_type);                                                                 \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

#define MMAP BPF_F_MMAPABLE
#define TRIE BPF_F_NO_PREALLOC

/* (device with a program, VLAN ids) -> logical interface as ingress */
DETOUR_MAP(interfaces, HASH, MAX_INTERFACES, struct interface_key, struct interface, 0);
/* ifindex of a logical interface -> how to leave by it */
DETOUR_MAP(egress, HASH, MAX_INTERFACES, __u32, struct egress, 0);
/* port slot -> ifindex of the device */
DETOUR_MAP(tx_ports, DEVMAP, MAX_PORTS, __u32, __u32, 0);
/* IPv4 prefix -> route */
DETOUR_MAP(routes4, LPM_TRIE, ROUTE_TABLE_ENTRIES, struct route4_key, struct route, TRIE);
/* IPv6 prefix -> route */
DETOUR_MAP(routes6, LPM_TRIE, ROUTE_TABLE_ENTRIES, struct route6_key, struct route, TRIE);
/* group id -> tiers of members */
DETOUR_MAP(groups, ARRAY, MAX_GROUPS, __u32, struct group, 0);
/* bucket -> next hop id */
DETOUR_MAP(buckets, ARRAY, MAX_BUCKETS, __u32, __u32, MMAP);
/* next hop id -> row of next_hops in use */
DETOUR_MAP(next_hop_slots, ARRAY, MAX_NEXT_HOPS, __u32, __u32, MMAP);
/* row -> next hop */
DETOUR_MAP(next_hops, ARRAY, MAX_NEXT_HOPS, __u32, struct next_hop, 0);
/* next hop id / 64 -> bit id % 64: alive */
DETOUR_MAP(liveness, ARRAY, MAX_NEXT_HOPS / 64, __u32, __u64, MMAP);
/* next hop id -> what was sent to it */
DETOUR_MAP(next_hop_counters, PERCPU_ARRAY, MAX_NEXT_HOPS, __u32, struct counter, 0);
/* interface slot * MAX_REASONS + reason -> packets */
DETOUR_MAP(reason_counters, PERCPU_ARRAY, MAX_INTERFACES *MAX_REASONS, __u32, __u64, 0);
/* 0 -> settings */
DETOUR_MAP(settings, ARRAY, 1, __u32, struct settings, MMAP);
/* session id -> who may answer its probes */
DETOUR_MAP(probe_sessions, ARRAY, MAX_PROBE_SESSIONS, __u32, struct probe_session, 0);
/* hash of a neighbour -> when the kernel last saw it used, or XDP first did; 0: never */
DETOUR_MAP(neighbour_uses, ARRAY, MAX_NEIGHBOUR_SLOTS, __u32, __u64, 0);

/* who was authenticated lately -> what it has used of its rate */
DETOUR_MAP(gateway_peers, HASH, MAX_GATEWAY_PEERS, struct gateway_peer_key, struct gateway_rate, 0);
/* interface slot -> what everybody else has used of the rate that they share */
DETOUR_MAP(gateway_strangers, ARRAY, MAX_INTERFACES, __u32, struct gateway_rate, 0);

/* events to user space: struct probe_reply_event */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_RING_BYTES);
} events SEC(".maps");

#undef MMAP
#undef TRIE
#undef DETOUR_MAP

#endif
