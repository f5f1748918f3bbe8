#include "link_news.h"

#include "errors.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>

namespace
{
/* <linux/if.h> has IFF_LOWER_UP, but cannot be included together with <net/if.h>. */
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

bool linkSends(int fd, int ifindex)
{
	ifreq request{};
	request.ifr_ifindex = ifindex;
	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return false;
	return (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
}

void filterLinkNews(int fd, uint8_t routeProtocol)
{
	constexpr uint32_t kTypeOffset = offsetof(nlmsghdr, nlmsg_type);
	constexpr uint32_t kProtocolOffset = NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol);
	/* Classic BPF loads in network order, netlink writes in the machine's. */
	sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTypeOffset),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWLINK), 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 3),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kProtocolOffset),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, routeProtocol, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const sock_fprog filter{.len = sizeof(program) / sizeof(program[0]), .filter = program};
	checked(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), "setsockopt(SO_ATTACH_FILTER)");
}
