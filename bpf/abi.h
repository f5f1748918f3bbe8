/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Every structure and constant that the BPF programs share with user space.
 *
 * Contract: explicit padding, a size assert for each structure, little surprises for an array map (values are
 * rounded up to 8 bytes). Addresses, ports and VLAN ids in *network* order are named _be; everything else is host
 * order. The TypeScript side (src/abi/) is generated from this file's BTF by `make abi` and checked to be current by a
 * test; no offset is written by hand. Changing a structure or a number changes DETOUR_ABI_VERSION.
 */
#ifndef DETOUR_ABI_H
#define DETOUR_ABI_H

#include <linux/types.h>

#if defined(__cplusplus) && !defined(_Static_assert)
#define _Static_assert static_assert
#endif

/* Plain numbers. An enum, not macros, so that they are in BTF and the generator sees them. */
enum detour_constant {
	DETOUR_ABI_VERSION = 3,
	ROUTE_KIND_SHIFT = 28,
	ROUTE_GROUP_MASK = 0x0fffffff,
	PROBE_MAGIC = 0x44455452, /* "DETR" */
	PROBE_ICMP_ID = 0xde70,
	GATEWAY_PORT = 6868,	/* of docs/gateway-protocol.md, as the next ones */
	GATEWAY_MAGIC = 0x4447, /* "DG" */
	GATEWAY_VERSION = 1,
	VLAN_ID_MASK = 0x0fff,
	VLAN_8021AD = 0x8000, /* set in a vlan_id: the tag is 802.1ad (0x88a8), not 802.1Q (0x8100) */
};

/* Sizes. MAX_NEXT_HOPS, MAX_GROUPS and MAX_BUCKETS size maps; user space may lower them before load. */
enum detour_limit {
	MAX_PORTS = 64,	      /* devices with an XDP program; also the size of the devmap */
	MAX_INTERFACES = 256, /* logical interfaces: ports and the VLAN devices on them */
	MAX_NEXT_HOPS = 4096,
	MAX_GROUPS = 4096,
	MAX_BUCKETS = 65536,   /* shared by all groups, allocated in powers of two */
	MAX_TIERS = 4,	       /* per group, best first */
	MAX_TIER_MEMBERS = 16, /* next hops per tier */
	MAX_PROBE_SESSIONS = 1024,
	MAX_REASONS = 64,
	VLAN_DEPTH = 2,		    /* tags understood by the parser */
	MAX_NEIGHBOUR_SLOTS = 4096, /* a power of two */
	MAX_GATEWAY_PEERS = 2048,
};

/*
 * Why a packet was not forwarded by XDP (or what was done with it). Stable numbers: retired ones stay reserved.
 * 1-39: XDP_PASS, the stack takes it. 40-49: XDP_DROP. 50-59: consumed by Detour. 60-63: forwarded.
 */
enum detour_reason {
	REASON_NONE = 0,
	REASON_UNKNOWN_INTERFACE = 1, /* the (port, VLAN id) pair is not in `interfaces` */
	REASON_NOT_IP = 2,	      /* ARP and every other EtherType */
	REASON_TRUNCATED = 3,	      /* headers do not fit in the frame, or lengths contradict it */
	REASON_BAD_HEADER = 4,	      /* version, IHL or header checksum is wrong: the stack counts and drops it */
	REASON_VLAN_DEPTH = 5,	      /* more tags than VLAN_DEPTH */
	REASON_NOT_OUR_MAC = 6,	      /* destination MAC is neither ours nor multicast */
	REASON_MULTICAST = 7,	      /* link-layer or IP multicast / broadcast */
	REASON_TTL = 8,		      /* TTL or hop limit <= 1: the stack sends the ICMP error */
	REASON_IP_OPTIONS = 9,	      /* IPv4 options */
	REASON_EXTENSION_HEADER = 10, /* IPv6 hop-by-hop or routing header */
	REASON_MARTIAN = 11,	      /* source or destination no router may forward */
	REASON_OVER_MTU = 12,	      /* larger than the egress MTU: fragmentation / Packet Too Big is the stack's */
	REASON_NEIGHBOUR_UNRESOLVED = 13,
	REASON_NO_ROUTE = 14,	     /* no entry in the route table */
	REASON_LOCAL = 15,	     /* addressed to this machine */
	REASON_STACK_ROUTE = 16,     /* bpf_fib_lookup does not forward it (unreachable, blackhole, not forwarded...) */
	REASON_NO_LIVE_MEMBER = 17,  /* no member of any tier is alive */
	REASON_EGRESS_NOT_XDP = 18,  /* the egress device cannot take redirected frames */
	REASON_FORWARDING_OFF = 19,  /* observe mode, or the sysctl forwarding is 0 on the ingress interface */
	REASON_BAD_GROUP = 20,	     /* group, bucket or next hop id out of range: a publishing fault */
	REASON_HEADROOM = 21,	     /* the frame could not be resized for its VLAN tag */
	REASON_LINK_LOCAL = 22,	     /* link-local source or destination: never forwarded */
	REASON_MARTIAN_SOURCE = 23,  /* IPv4: the source is this machine's or a broadcast address */
	REASON_RP_FILTER_LOOSE = 24, /* rp_filter 2: the kernel has no unicast route back to the source */
	REASON_RP_FILTER_STRICT = 25,  /* rp_filter 1: the stack validates every IPv4 source that comes in here */
	REASON_NEIGHBOUR_REFRESH = 26, /* one packet of many, so that the kernel sees its neighbour entry in use */
	REASON_GATEWAY_MESSAGE = 27,   /* may be a message of the gateway protocol, and is within its source's rate */

	REASON_BLACKHOLE = 40,	       /* a blackhole route */
	REASON_REDIRECT_FAILED = 41,   /* bpf_redirect_map refused: no such port */
	REASON_GATEWAY_HOP_LIMIT = 42, /* gateway protocol: TTL or hop limit is not 255, so it has passed a router */
	REASON_GATEWAY_MALFORMED = 43, /* gateway protocol: no message, or none that anybody sends so */
	REASON_GATEWAY_RATE = 44,      /* gateway protocol: more than its source, or all unknown ones, may send */

	REASON_PROBE_REPLY = 50,      /* one of our probes came back: timed and consumed */
	REASON_PROBE_FORGED = 51,     /* looks like a probe reply, cookie wrong: PASSed to the stack */
	REASON_PROBE_WRONG_PATH = 52, /* genuine reply, but by an interface that is not the session's */
	REASON_PROBE_STALE = 53,      /* genuine reply to a probe of a session that has ended: consumed, no event */
	REASON_EVENT_LOST = 54, /* a reply came, the ring buffer was full (counted in addition): not a lost probe */

	REASON_FORWARDED = 60,	   /* by a group */
	REASON_FORWARDED_FIB = 61, /* by the kernel FIB (connected and foreign routes) */
	REASON_REROUTED = 62,	   /* FORWARDED, but its first-choice member was not alive (counted in addition) */
};

/* What a route leads to: the upper 4 bits of struct route.target; the lower 28 are the group id. */
enum route_kind {
	ROUTE_NONE = 0,
	ROUTE_GROUP = 1,     /* forward by group */
	ROUTE_LOCAL = 2,     /* this machine: PASS */
	ROUTE_BLACKHOLE = 3, /* DROP */
	ROUTE_FIB = 4,	     /* connected or foreign: bpf_fib_lookup decides, exactly as the stack would */
	ROUTE_STACK = 5,     /* always PASS (unreachable, prohibit, multicast) */
};

enum interface_flag {
	INTERFACE_FORWARD_IPV4 = 1, /* packets that come in here may be forwarded (sysctl forwarding, mode) */
	INTERFACE_FORWARD_IPV6 = 2,
	INTERFACE_REDIRECT_OK = 4,	     /* as egress: takes redirected frames */
	INTERFACE_REDIRECT_FRAGMENTS_OK = 8, /* as egress: takes multi-buffer frames too (NETDEV_XDP_ACT_NDO_XMIT_SG) */
	INTERFACE_STRICT_SOURCE = 16,	     /* as ingress: rp_filter 1 is in force */
	INTERFACE_LOOSE_SOURCE = 32,	     /* as ingress: rp_filter 2 */
	INTERFACE_GATEWAY_PROTOCOL = 64,     /* as ingress: messages to GATEWAY_PORT are looked at */
};

enum next_hop_flag {
	NEXT_HOP_RESOLVED = 1,	  /* both MACs are known */
	NEXT_HOP_REDIRECT_OK = 2, /* egress takes redirected frames; otherwise PASS with REASON_EGRESS_NOT_XDP */
	NEXT_HOP_REDIRECT_FRAGMENTS_OK = 4, /* multi-buffer frames too */
};

enum settings_flag {
	SETTINGS_FORWARD = 1, /* clear: PASS everything (observe mode), counters and probes still work */
};

/* Key of `interfaces`. */
struct interface_key {
	__u32 port_ifindex;  /* device that carries the program */
	__u16 vlan_id;	     /* outer VLAN id, host order, VLAN_8021AD added where it applies; 0 = untagged */
	__u16 inner_vlan_id; /* QinQ; 0 = none. A priority tag (id 0) counts as no tag */
};
_Static_assert(sizeof(struct interface_key) == 8, "ABI");

/* A logical interface as ingress. */
struct interface {
	__u32 ifindex; /* of the logical interface (the VLAN device's own) */
	__u32 flags;   /* enum interface_flag */
	__u16 slot;    /* its row in reason_counters, 1..MAX_INTERFACES-1; row 0 is REASON_UNKNOWN_INTERFACE's */
	__u8 mac[6];
};
_Static_assert(sizeof(struct interface) == 16, "ABI");

/* A logical interface as egress; key of `egress` is its ifindex (what bpf_fib_lookup answers). */
struct egress {
	__u32 port_slot; /* index in tx_ports */
	__u32 flags;	 /* enum interface_flag */
	__u16 mtu;
	__u16 vlan_id; /* as in interface_key: VLAN_8021AD says which tag to write */
	__u16 inner_vlan_id;
	__u16 pad;
};
_Static_assert(sizeof(struct egress) == 16, "ABI");

/* LPM trie keys. prefix_length in bits, as the kernel's struct bpf_lpm_trie_key wants it first. */
struct route4_key {
	__u32 prefix_length;
	__u8 address[4];
};
_Static_assert(sizeof(struct route4_key) == 8, "ABI");

struct route6_key {
	__u32 prefix_length;
	__u8 address[16];
};
_Static_assert(sizeof(struct route6_key) == 20, "ABI");

struct route {
	__u32 target; /* enum route_kind << ROUTE_KIND_SHIFT | group id */
};
_Static_assert(sizeof(struct route) == 4, "ABI");

/* Weighted members of equal rank. */
struct tier {
	__u32 bucket_base; /* first element in `buckets` (one next hop id each) */
	__u32 bucket_mask; /* bucket count - 1; 0 = one member, no buckets */
	__u32 member_count;
	__u16 members[MAX_TIER_MEMBERS]; /* next hop ids; used when the hashed candidates are dead */
};
_Static_assert(sizeof(struct tier) == 44, "ABI");

/*
 * Published by one in-place store; a reader that races with it sees members of the old or of the new group, never of a
 * third one, because bucket ranges and next hop ids are not used again before a grace period.
 */
struct group {
	__u32 tier_count;
	__u32 pad;
	struct tier tiers[MAX_TIERS];
};
_Static_assert(sizeof(struct group) == 184, "ABI");

/*
 * How to send to a next hop. Immutable once published: `next_hop_slots[id]` names the row of `next_hops` in use, one
 * 32-bit store switches it, so that a reader never mixes two MACs. Id 0 and slot 0 are never used.
 */
struct next_hop {
	__u32 ifindex;	 /* logical egress interface */
	__u32 port_slot; /* index in tx_ports */
	__u32 flags;	 /* enum next_hop_flag */
	__u16 mtu;
	__u16 vlan_id; /* outer, as in interface_key; 0 = none */
	__u16 inner_vlan_id;
	__u8 source_mac[6];
	__u8 destination_mac[6];
	__u16 pad;
};
_Static_assert(sizeof(struct next_hop) == 32, "ABI");

struct counter {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct counter) == 16, "ABI");

/* `settings`, one element. */
struct settings {
	__u64 cookie_key[2]; /* SipHash-2-4 key of the probe cookies */
	__u32 flags;	     /* enum settings_flag */
	__u32 hash_seed;     /* of the flow hash; stays the same across restarts, so that flows stay where they are */
	__u32 neighbour_refresh_ms; /* how often the stack gets a packet to a neighbour that XDP forwards to (refresh.h)
				     */
	__u32 pad;
};
_Static_assert(sizeof(struct settings) == 32, "ABI");

enum probe_session_flag {
	PROBE_SESSION_ACTIVE = 1,
	PROBE_SESSION_WAKE = 2, /* wake user space for each reply (otherwise it reads them when a deadline is due) */
};

/* `probe_sessions`, by session id. */
struct probe_session {
	__u32 flags;   /* enum probe_session_flag */
	__u32 ifindex; /* logical interface by which the reply must come in */
	__u32 epoch;   /* must match the payload's: a reply to an earlier user of this id is not ours */
	__u32 pad;
};
_Static_assert(sizeof(struct probe_session) == 16, "ABI");

/*
 * Payload of our ICMP echo requests, right after the 8-byte ICMP header. Written by the transmitter thread
 * (native/), checked by probe.h. Host order: only we read it. The ICMP identifier is PROBE_ICMP_ID, the ICMP sequence
 * number the lower 16 bits of `sequence`.
 */
struct probe_payload {
	__u32 magic;
	__u32 session;
	__u32 epoch;
	__u32 sequence;
	__u64 transmit_ns; /* CLOCK_MONOTONIC when the frame was handed to the kernel */
	__u64 cookie;	   /* SipHash-2-4(cookie_key, the 24 bytes above) */
};
_Static_assert(sizeof(struct probe_payload) == 32, "ABI");

/* Key of `gateway_peers`. */
struct gateway_peer_key {
	__u32 ifindex; /* logical interface */
	__u8 family;   /* 4 or 6 */
	__u8 pad[3];
	__u8 address[16]; /* IPv4 in the first 4 bytes, zeros behind it */
};
_Static_assert(sizeof(struct gateway_peer_key) == 24, "ABI");

/* How much of its rate somebody has used (bpf/gateway.h). User space writes zeros once: nothing yet. */
struct gateway_rate {
	__u64 paid_until_ns; /* CLOCK_MONOTONIC */
};
_Static_assert(sizeof(struct gateway_rate) == 8, "ABI");

enum event_type {
	EVENT_PROBE_REPLY = 1,
};

/* Record in the ring buffer `events`. */
struct probe_reply_event {
	__u32 type; /* enum event_type */
	__u32 session;
	__u32 epoch;
	__u32 sequence;
	__u64 transmit_ns;
	__u64 receive_ns; /* CLOCK_MONOTONIC in the XDP program */
	__u32 ifindex;	  /* logical interface it came in by */
	__u8 family;	  /* 4 or 6 */
	__u8 wrong_path;  /* 1: not the session's interface */
	__u16 pad;
	__u8 source[16]; /* who answered; IPv4 in the first 4 bytes */
};
_Static_assert(sizeof(struct probe_reply_event) == 56, "ABI");

/*
 * Maps (bpf/maps.h; every name is prefixed detour_ when pinned, under <bpffs>/detour/):
 *   interfaces         HASH          struct interface_key -> struct interface
 *   egress             HASH          u32 ifindex          -> struct egress
 *   tx_ports           DEVMAP        u32 port slot        -> u32 ifindex
 *   routes4, routes6   LPM_TRIE      struct routeN_key    -> struct route
 *   groups             ARRAY         u32 group id         -> struct group
 *   buckets            ARRAY mmap    u32                  -> u32 next hop id
 *   next_hop_slots     ARRAY mmap    u32 next hop id      -> u32 row of next_hops
 *   next_hops          ARRAY         u32 row              -> struct next_hop
 *   liveness           ARRAY mmap    u32 id / 64          -> u64, bit id % 64 set = alive
 *   next_hop_counters  PERCPU_ARRAY  u32 next hop id      -> struct counter
 *   reason_counters    PERCPU_ARRAY  u32 slot * MAX_REASONS + reason -> u64 packets
 *   settings           ARRAY mmap    0                    -> struct settings
 *   probe_sessions     ARRAY         u32 session          -> struct probe_session
 *   neighbour_uses     ARRAY         u32 hash             -> u64 CLOCK_MONOTONIC_COARSE, ns (bpf/refresh.h)
 *   gateway_peers      HASH          struct gateway_peer_key -> struct gateway_rate
 *   gateway_strangers  ARRAY         u32 interface slot   -> struct gateway_rate
 *   events             RINGBUF       struct probe_reply_event
 */

#endif
