/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Detour's own traffic, taken out before the guards: a reply may arrive with TTL 1 or from a link-local gateway, and
 * works in observe mode too. So does the guard of the gateway protocol's socket, whose messages are multicast.
 */
#ifndef DETOUR_CONTROL_H
#define DETOUR_CONTROL_H

#include "gateway.h"
#include "packet.h"
#include "probe.h"

static __always_inline enum detour_reason control(const struct packet *packet)
{
	enum detour_reason reason = receive_gateway_message(packet);

	if (reason)
		return reason;
	if (packet->to_many)
		return REASON_MULTICAST;
	return receive_probe_reply(packet);
}

#endif
