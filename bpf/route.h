/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Longest prefix match. The table is behind this one function, so that it can be replaced. */
#ifndef DETOUR_ROUTE_H
#define DETOUR_ROUTE_H

#include "maps.h"
#include "packet.h"

static __always_inline enum route_kind route_kind(struct route route)
{
	return route.target >> ROUTE_KIND_SHIFT;
}

static __always_inline __u32 route_group(struct route route)
{
	return route.target & ROUTE_GROUP_MASK;
}

/* The route of an address (4 words, of which IPv4 uses the first); kind ROUTE_NONE if there is none. */
static __always_inline struct route lookup_route(__u8 family, const __be32 *address_be)
{
	const struct route *route;

	if (family == 4) {
		struct route4_key key = {.prefix_length = 32};

		__builtin_memcpy(key.address, address_be, sizeof(key.address));
		route = bpf_map_lookup_elem(&routes4, &key);
	} else {
		struct route6_key key = {.prefix_length = 128};

		__builtin_memcpy(key.address, address_be, sizeof(key.address));
		route = bpf_map_lookup_elem(&routes6, &key);
	}
	return route ? *route : (struct route){.target = ROUTE_NONE};
}

#endif
