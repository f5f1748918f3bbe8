/** What rtnetlink says about sending by a link. */
#pragma once

#include <linux/netlink.h>

#include <cstdint>
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

/**
 * The same verdict, asked for now (SIOCGIFFLAGS: IFF_RUNNING is the operational state; takes no lock of the kernel's).
 * A link that does not exist sends nothing. @param fd any socket of the namespace
 */
bool linkSends(int fd, int ifindex);

/**
 * Lets a netlink socket take only messages about links, and about deleted routes of one rtm_protocol: of those that
 * belong to others there may be millions, and each would wake the reader. Throws SystemError.
 */
void filterLinkNews(int fd, uint8_t routeProtocol);
