/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Replies to our own probes (ICMP echo, RFC 792; ICMPv6 echo, RFC 4443): timed, checked and consumed here, so that a
 * reply's time is that of its arrival and not of a process being scheduled. The cookie proves that we sent the request;
 * the ICMP checksum adds nothing to that.
 */
#ifndef DETOUR_PROBE_H
#define DETOUR_PROBE_H

#include <linux/in.h>
#include <linux/in6.h>

#include "maps.h"
#include "packet.h"
#include "parse_ipv6_chain.h"
#include "reason.h"
#include "siphash.h"

/* <linux/icmp.h> needs the C library's headers, which have no version for BPF. */
enum {
	ECHO_REPLY_IPV4 = 0,   /* RFC 792 */
	ECHO_REPLY_IPV6 = 129, /* RFC 4443, section 4.2 */
};

struct echo_reply {
	__u8 type;
	__u8 code;
	__be16 checksum_be;
	__be16 identifier_be;
	__be16 sequence_be;
	struct probe_payload payload;
};
_Static_assert(sizeof(struct echo_reply) == 40, "no padding between the ICMP header and its payload");

/*
 * Wakes the reader for sessions that ask for it, and when the buffer is half full. Everything else waits for the
 * reader's next deadline. Not the kernel's default, which wakes only a reader that has read everything before.
 */
static __always_inline __u64 wakeup_flags(const struct probe_session *session)
{
	if (session->flags & PROBE_SESSION_WAKE)
		return BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void report_probe_reply(const struct packet *packet, const struct probe_payload *payload,
					       const struct probe_session *session, bool wrong_path)
{
	__u64 receive_ns = bpf_ktime_get_ns();
	struct probe_reply_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_reason(packet, REASON_EVENT_LOST);
		return;
	}
	event->type = EVENT_PROBE_REPLY;
	event->session = payload->session;
	event->epoch = payload->epoch;
	event->sequence = payload->sequence;
	event->transmit_ns = payload->transmit_ns;
	event->receive_ns = receive_ns;
	event->ifindex = packet->ingress->ifindex;
	event->family = packet->family;
	event->wrong_path = wrong_path;
	event->pad = 0;
	__builtin_memcpy(event->source, packet->flow.source_be, sizeof(event->source));
	bpf_ringbuf_submit(event, wakeup_flags(session));
}

/* The reply's payload, or NULL if the packet is no echo reply with our identifier and magic. Copied: the packet may not
 * be aligned, and is read once. */
static __always_inline bool read_probe_payload(const struct packet *packet, struct probe_payload *payload)
{
	const struct echo_reply *reply = transport_header(packet);
	__u32 l3_end = packet->l3_offset + packet->l3_length;

	if (packet->fragment || packet->l4_offset + sizeof(*reply) > l3_end)
		return false;
	if (!reply || (void *)(reply + 1) > packet_end(packet))
		return false;
	if (reply->type != (packet->family == 4 ? ECHO_REPLY_IPV4 : ECHO_REPLY_IPV6) || reply->code != 0)
		return false;
	if (reply->identifier_be != bpf_htons(PROBE_ICMP_ID) || reply->payload.magic != PROBE_MAGIC)
		return false;
	*payload = reply->payload;
	return true;
}

static __always_inline enum detour_reason receive_probe_reply(const struct packet *packet)
{
	struct probe_payload payload;

	if (packet->flow.protocol != (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return REASON_NONE;
	if (!read_probe_payload(packet, &payload))
		return REASON_NONE;
	if (payload.cookie != siphash_24_bytes(packet->settings->cookie_key, (const __u64 *)&payload))
		return REASON_PROBE_FORGED;

	const struct probe_session *session = bpf_map_lookup_elem(&probe_sessions, &payload.session);

	if (!session || !(session->flags & PROBE_SESSION_ACTIVE) || session->epoch != payload.epoch)
		return REASON_PROBE_STALE;

	bool wrong_path = session->ifindex != packet->ingress->ifindex;

	report_probe_reply(packet, &payload, session, wrong_path);
	return wrong_path ? REASON_PROBE_WRONG_PATH : REASON_PROBE_REPLY;
}

#endif
