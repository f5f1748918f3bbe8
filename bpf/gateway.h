/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guard before the socket of the gateway protocol (docs/gateway-protocol.md): on interfaces where it is spoken,
 * what can be no message is dropped, and of the rest no more is let through than user space can look at. Everything
 * that decides is user space's; a packet that is let through is unmodified. Only what is for this machine is looked at:
 * a client's packet to somebody's port 6868 on the outside is forwarded like any other.
 */
#ifndef DETOUR_GATEWAY_H
#define DETOUR_GATEWAY_H

#include <linux/in.h>
#include <linux/udp.h>

#include "flow_hash.h"
#include "guard.h"
#include "maps.h"
#include "packet.h"
#include "parse_ipv6_chain.h"
#include "route.h"

enum {
	GATEWAY_HOP_LIMIT = 255,  /* RFC 5082 */
	GATEWAY_MESSAGE_MIN = 76, /* header and AUTH */
	GATEWAY_MESSAGE_MAX = 1232,
};

/*
 * Rates of this implementation. Strangers are whoever has not been authenticated lately; they share one rate, so a
 * flood from made-up addresses takes nothing from the peers. Within each rate one sender, told by its MAC, has a share:
 * a flood takes little from the other strangers then, and little from the peer whose address it uses.
 */
#define GATEWAY_NS_PER_SECOND 1000000000ULL
#define GATEWAY_PEER_INTERVAL_NS (GATEWAY_NS_PER_SECOND / 40)
#define GATEWAY_PEER_BURST 80
#define GATEWAY_PEER_SENDER_INTERVAL_NS (GATEWAY_NS_PER_SECOND / 15)
#define GATEWAY_PEER_SENDER_BURST 30
#define GATEWAY_STRANGERS_INTERVAL_NS (GATEWAY_NS_PER_SECOND / 200)
#define GATEWAY_STRANGERS_BURST 400
#define GATEWAY_STRANGER_INTERVAL_NS (GATEWAY_NS_PER_SECOND / 50)
#define GATEWAY_STRANGER_BURST 100

enum {
	GATEWAY_SENDER_SLOTS = 4096,	 /* a power of two */
	GATEWAY_SENDER_EPOCH_SHIFT = 36, /* 2^36 ns: 69 s */
};

/* The program's own, and empty when it is loaded: what single senders have used. Apart: strangers' MACs are many. */
struct gateway_rate gateway_peer_senders[GATEWAY_SENDER_SLOTS];
struct gateway_rate gateway_stranger_senders[GATEWAY_SENDER_SLOTS];

/* How a message begins. */
struct gateway_header {
	__be16 magic_be;
	__u8 version;
	__u8 type;
};

/*
 * A token bucket in one word (GCRA, ITU-T I.371): the moment up to which what has come is paid for at the rate. It may
 * lie as far ahead as the burst is long. What is dropped writes nothing, so a flood's cost is a few look-ups and a
 * clock.
 *
 * CPUs that take at the same time: one wins the exchange, the others try once more and then give up. So a bucket never
 * gives more than it has; a message may be lost to a race that was lost twice in a row, and is repeated (section 7).
 */
static __always_inline bool take_token(struct gateway_rate *rate, __u64 interval_ns, __u64 burst)
{
	__u64 now_ns = bpf_ktime_get_ns();

#pragma unroll
	for (int attempt = 0; attempt < 2; attempt++) {
		__u64 paid_until_ns = *(volatile __u64 *)&rate->paid_until_ns;
		__u64 start_ns = paid_until_ns > now_ns ? paid_until_ns : now_ns;

		if (start_ns - now_ns > (burst - 1) * interval_ns)
			return false;
		if (__sync_val_compare_and_swap(&rate->paid_until_ns, paid_until_ns, start_ns + interval_ns) ==
		    paid_until_ns)
			return true;
	}
	return false;
}

/*
 * Senders share slots by a hash that nobody outside knows. It changes with every epoch, so that nobody shares one with
 * a flood for long.
 */
static __always_inline __u32 sender_slot(const struct packet *packet, __u64 address_hash)
{
	const struct ethhdr *ethernet = packet_start(packet);
	__u64 epoch = bpf_ktime_get_coarse_ns() >> GATEWAY_SENDER_EPOCH_SHIFT;
	__u64 state = hash_pair(address_hash, packet->settings->hash_seed, epoch);
	__u64 mac = 0;

	if ((void *)(ethernet + 1) <= packet_end(packet))
		__builtin_memcpy(&mac, ethernet->h_source, ETH_ALEN);
	state = hash_mix(state, mac);
	return hash_mix(state, packet->ingress->ifindex) & (GATEWAY_SENDER_SLOTS - 1);
}

/*
 * Somebody else may use a peer's address. With a MAC of its own, it gets its own share and leaves the peer's; the share
 * is less than user space takes from one address, so that room is left there, too. Who can use any MAC gets through to
 * the rate of the peer as a whole; but it can use the peer's MAC as well, and so take the peer's traffic: there is
 * nothing left to defend then.
 */
static __always_inline bool within_rate_of_peer(const struct packet *packet, struct gateway_rate *peer)
{
	const __be32 *source_be = packet->flow.source_be;
	__u64 address_hash = hash_pair(hash_pair(0, source_be[0], source_be[1]), source_be[2], source_be[3]);
	__u32 slot = sender_slot(packet, address_hash);

	return take_token(&gateway_peer_senders[slot], GATEWAY_PEER_SENDER_INTERVAL_NS, GATEWAY_PEER_SENDER_BURST) &&
	       take_token(peer, GATEWAY_PEER_INTERVAL_NS, GATEWAY_PEER_BURST);
}

/* Addresses cost nothing: whatever they are, it is one stranger that sends by one MAC. */
static __always_inline bool within_rate_of_strangers(const struct packet *packet)
{
	__u32 slot = sender_slot(packet, 0), interface_slot = packet->ingress->slot;
	struct gateway_rate *all = bpf_map_lookup_elem(&gateway_strangers, &interface_slot);

	return all &&
	       take_token(&gateway_stranger_senders[slot], GATEWAY_STRANGER_INTERVAL_NS, GATEWAY_STRANGER_BURST) &&
	       take_token(all, GATEWAY_STRANGERS_INTERVAL_NS, GATEWAY_STRANGERS_BURST);
}

static __always_inline bool within_rate(const struct packet *packet)
{
	struct gateway_peer_key key = {.ifindex = packet->ingress->ifindex, .family = packet->family};
	struct gateway_rate *peer;

	__builtin_memcpy(key.address, packet->flow.source_be, sizeof(key.address));
	peer = bpf_map_lookup_elem(&gateway_peers, &key);
	return peer ? within_rate_of_peer(packet, peer) : within_rate_of_strangers(packet);
}

/* Group and broadcast addresses, link-local ones (nobody forwards these), and what the route table says is ours. */
static __always_inline bool is_for_this_machine(const struct packet *packet)
{
	if (packet->to_many)
		return true;
	if (packet->family == 6 && is_ipv6_link_local(packet->flow.destination_be))
		return true;
	return route_kind(lookup_route(packet->family, packet->flow.destination_be)) == ROUTE_LOCAL;
}

static __always_inline const struct udphdr *udp_header(const struct packet *packet)
{
	const struct udphdr *udp = transport_header(packet);

	return udp && (void *)(udp + 1) <= packet_end(packet) ? udp : NULL;
}

static __always_inline bool is_gateway_message(const struct packet *packet)
{
	const struct udphdr *udp = udp_header(packet);
	const struct gateway_header *header = (const void *)(udp + 1);
	__u32 l4_end = packet->l3_offset + packet->l3_length;

	if (!udp || (void *)(header + 1) > packet_end(packet))
		return false;

	__u32 udp_length = bpf_ntohs(udp->len);

	if (udp_length < sizeof(*udp) + GATEWAY_MESSAGE_MIN || udp_length > sizeof(*udp) + GATEWAY_MESSAGE_MAX)
		return false;
	if (packet->l4_offset + udp_length > l4_end)
		return false;
	return header->magic_be == bpf_htons(GATEWAY_MAGIC) && header->version == GATEWAY_VERSION;
}

static __always_inline bool is_to_gateway_port(const struct packet *packet)
{
	const struct udphdr *udp = udp_header(packet);

	if (packet->flow.protocol != IPPROTO_UDP || packet->fragment == FRAGMENT_LATER)
		return false;
	return udp && udp->dest == bpf_htons(GATEWAY_PORT);
}

/*
 * After a packet was found to be the stack's because of what is between its headers. Nobody sends messages so, but the
 * stack would hand them to the socket past the rates; so it would what is behind too many headers to be looked at.
 */
static __always_inline enum detour_reason refuse_disguised_message(const struct packet *packet,
								   enum detour_reason reason)
{
	if (reason != REASON_IP_OPTIONS && reason != REASON_EXTENSION_HEADER)
		return reason;
	if (!(packet->ingress->flags & INTERFACE_GATEWAY_PROTOCOL) || !is_for_this_machine(packet))
		return reason;
	if (packet->l4_offset && !is_to_gateway_port(packet))
		return reason;
	return REASON_GATEWAY_MALFORMED;
}

/* Without the first fragment, which is dropped here, the stack never gets the others together. */
static __always_inline enum detour_reason receive_gateway_message(const struct packet *packet)
{
	if (!(packet->ingress->flags & INTERFACE_GATEWAY_PROTOCOL))
		return REASON_NONE;
	if (!is_to_gateway_port(packet) || !is_for_this_machine(packet))
		return REASON_NONE;
	if (packet->fragment)
		return REASON_GATEWAY_MALFORMED;
	if (packet->ttl != GATEWAY_HOP_LIMIT)
		return REASON_GATEWAY_HOP_LIMIT;
	if (!is_gateway_message(packet))
		return REASON_GATEWAY_MALFORMED;
	return within_rate(packet) ? REASON_GATEWAY_MESSAGE : REASON_GATEWAY_RATE;
}

#endif
