/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Group and flow -> next hop. The flow's bucket names the first choice; if that one is not alive, the flow (and no
 * other) looks further in its tier, then in the next tier. One cleared liveness bit moves everything that used it.
 *
 * Finds a live member whenever the group has one: after a few rehashes, which spread the moved flows by weight, it
 * walks through the tier's members.
 */
#ifndef DETOUR_SELECT_H
#define DETOUR_SELECT_H

#include "flow_hash.h"
#include "maps.h"

enum {
	SELECT_REHASHES = 4, /* with half of the buckets dead, 1 flow in 32 comes to the walk */
};

/* What select_next_hop returns besides an id. */
#define SELECT_NONE_ALIVE 0U
#define SELECT_BAD_GROUP (1U << 30)
#define SELECT_REROUTED (1U << 31) /* added to the id: it was not the first choice */
#define SELECT_ID_MASK (SELECT_BAD_GROUP - 1)

static __always_inline bool is_alive(__u32 next_hop_id)
{
	__u32 word = next_hop_id / 64;
	const __u64 *bits = bpf_map_lookup_elem(&liveness, &word);

	return next_hop_id && bits && (*bits >> (next_hop_id % 64) & 1);
}

/* Id 0 (never alive) if the bucket does not exist. */
static __always_inline __u32 bucket_member(const struct tier *tier, __u32 hash)
{
	__u32 mask = tier->bucket_mask;
	__u32 index = tier->bucket_base + (hash & mask);
	const __u32 *next_hop_id;

	if (!mask)
		return tier->member_count ? tier->members[0] : 0;
	next_hop_id = bpf_map_lookup_elem(&buckets, &index);
	return next_hop_id ? *next_hop_id : 0;
}

/* The first live member from a start that depends on the flow, so that not all of them end on the same one. */
static __always_inline __u32 walk_members(const struct tier *tier, __u32 hash)
{
	__u32 count = tier->member_count;

	if (!count || count > MAX_TIER_MEMBERS)
		return 0;
	for (__u32 i = 0, at = hash % count; i < MAX_TIER_MEMBERS && i < count; i++, at++) {
		if (at >= count)
			at = 0;
		if (is_alive(tier->members[at & (MAX_TIER_MEMBERS - 1)]))
			return tier->members[at & (MAX_TIER_MEMBERS - 1)];
	}
	return 0;
}

/* A live member of the tier that is not the flow's first choice, or 0. */
static __noinline __u32 select_alternate(const struct tier *tier, __u32 hash)
{
	for (__u32 n = 1; tier->bucket_mask && n <= SELECT_REHASHES; n++) {
		__u32 next_hop_id = bucket_member(tier, rehash(hash, n));

		if (is_alive(next_hop_id))
			return next_hop_id;
	}
	return walk_members(tier, hash);
}

/* A function of its own to the verifier: the paths through four tiers end here. */
__noinline __u32 select_next_hop(__u32 group_id, __u32 hash)
{
	const struct group *group = bpf_map_lookup_elem(&groups, &group_id);

	if (!group || !group->tier_count || group->tier_count > MAX_TIERS)
		return SELECT_BAD_GROUP;

	__u32 first_choice = bucket_member(&group->tiers[0], hash);

	if (is_alive(first_choice))
		return first_choice;
	for (__u32 i = 0; i < MAX_TIERS && i < group->tier_count; i++) {
		const struct tier *tier = &group->tiers[i];
		__u32 next_hop_id = i ? bucket_member(tier, hash) : 0;

		if (!is_alive(next_hop_id))
			next_hop_id = select_alternate(tier, hash);
		if (next_hop_id)
			return next_hop_id | SELECT_REROUTED;
	}
	return SELECT_NONE_ALIVE;
}

#endif
