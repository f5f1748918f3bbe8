#include "link_news.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace
{
/* <linux/if.h> and <net/if.h> cannot be included together. */
constexpr unsigned kAdminUp = 1U << 0;	/* IFF_UP */
constexpr unsigned kLowerUp = 1U << 16; /* IFF_LOWER_UP */
/* RFC 2863: unknown (drivers that do not say) and up. */
constexpr uint8_t kOperUnknown = 0;
constexpr uint8_t kOperUp = 6;

uint8_t operstateOf(const nlmsghdr *message)
{
	/* mnl_attr_for_each is C: it converts from void * without a cast. */
	const auto *attribute = static_cast<const nlattr *>(mnl_nlmsg_get_payload_offset(message, sizeof(ifinfomsg)));
	const auto *tail = static_cast<const char *>(mnl_nlmsg_get_payload_tail(message));
	for (; mnl_attr_ok(attribute, static_cast<int>(tail - reinterpret_cast<const char *>(attribute)));
	     attribute = mnl_attr_next(attribute))
		if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE && mnl_attr_get_payload_len(attribute) >= 1)
			return mnl_attr_get_u8(attribute);
	return kOperUnknown;
}
} // namespace

std::optional<LinkNews> readLinkNews(const nlmsghdr *message)
{
	const bool gone = message->nlmsg_type == RTM_DELLINK;
	if (!gone && message->nlmsg_type != RTM_NEWLINK)
		return std::nullopt;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(ifinfomsg))
		return std::nullopt;
	const auto *link = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
	if (link->ifi_family != AF_UNSPEC)
		return std::nullopt;
	if (gone || !(link->ifi_flags & kAdminUp) || !(link->ifi_flags & kLowerUp))
		return LinkNews{.ifindex = link->ifi_index, .sends = false};
	const uint8_t operstate = operstateOf(message);
	return LinkNews{.ifindex = link->ifi_index, .sends = operstate == kOperUnknown || operstate == kOperUp};
}
