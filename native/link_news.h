/** What a message of rtnetlink's link group says about sending by that link. */
#pragma once

#include <linux/netlink.h>

#include <optional>

struct LinkNews {
	int ifindex;
	/** Frames can leave: administratively up, carrier, and no operational state that forbids it. */
	bool sends;
};

/**
 * Nothing: not about a link as such (another type of message, a bridge's view of its port), or truncated.
 * The rule is that of src/kernel/codec/link.ts: both must come to the same verdict on the same message.
 */
std::optional<LinkNews> readLinkNews(const nlmsghdr *message);
