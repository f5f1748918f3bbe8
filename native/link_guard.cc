#include "link_guard.h"

#include "errors.h"
#include "map_info.h"
#include "netlink_receive.h"
#include "netns.h"
#include "socket_address.h"
#include "thread_priority.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace
{
/* What is pending is read before anything is cleared; a burst must not hold that up. */
constexpr int kDatagramsPerTurn = 64;

Mapping mapLiveness(int fd)
{
	const bpf_map_info map = mapInfo(fd);
	if (map.type != BPF_MAP_TYPE_ARRAY || !(map.map_flags & BPF_F_MMAPABLE) || map.value_size != sizeof(uint64_t))
		throw ArgumentError("livenessFd must be of an array map of u64 with BPF_F_MMAPABLE");
	return Mapping(fd, static_cast<size_t>(map.max_entries) * sizeof(uint64_t), PROT_READ | PROT_WRITE, 0);
}
} // namespace

LinkGuard::LinkGuard(const LinkGuardOptions &options)
    : liveness_(mapLiveness(options.livenessFd)),
      stopEvent_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")), datagram_(kNetlinkDatagramBytes)
{
	withinNetns(options.netns, [&] {
		socket_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
		checked(socket_ ? 0 : -1, "socket(AF_NETLINK)");
	});
	setReceiveBuffer(mnl_socket_get_fd(socket_.get()), options.receiveBufferBytes);
	filterLinkNews(mnl_socket_get_fd(socket_.get()), options.routeProtocol);
	checked(mnl_socket_bind(socket_.get(), RTMGRP_LINK | RTMGRP_IPV6_ROUTE, MNL_SOCKET_AUTOPID),
		"bind(AF_NETLINK)");
	thread_ = std::thread([this] { run(); });
	pthread_setname_np(thread_.native_handle(), "detour-links");
	realtime_ = makeRealtime(thread_.native_handle(), options.realtimePriority);
}

LinkGuard::~LinkGuard()
{
	(void)eventfd_write(stopEvent_.get(), 1);
	thread_.join();
}

void LinkGuard::watch(Table table)
{
	/* Only the exchange happens under the lock: the thread must never wait for memory to be freed. */
	const std::lock_guard lock(mutex_);
	table_.swap(table);
}

void LinkGuard::run()
{
	for (;;) {
		pollfd waits[2] = {{.fd = mnl_socket_get_fd(socket_.get()), .events = POLLIN, .revents = 0},
				   {.fd = stopEvent_.get(), .events = POLLIN, .revents = 0}};
		poll(waits, 2, -1);
		if (waits[1].revents)
			return;
		const bool usable = receive();
		clearDead();
		if (!usable)
			return;
	}
}

bool LinkGuard::receive()
{
	for (int i = 0; i < kDatagramsPerTurn; i++) {
		const int error = receiveOne();
		if (error == EAGAIN) {
			/* The kernel tells of an overrun once, and may have dropped more until now. */
			lookDue_ = std::exchange(overrun_, false) || lookDue_;
			return true;
		}
		if (error == ENOBUFS || error == EMSGSIZE) {
			overruns_++;
			overrun_ = true;
			lookDue_ = true;
		} else if (error != 0) {
			/* Going on would be a loop at real-time priority. */
			error_ = error;
			return false;
		}
	}
	return true;
}

int LinkGuard::receiveOne()
{
	const auto [error, bytes] = receiveFromKernel(mnl_socket_get_fd(socket_.get()), datagram_);
	if (error)
		return error;
	int left = static_cast<int>(bytes);
	for (auto *message = reinterpret_cast<const nlmsghdr *>(datagram_.data()); mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left)) {
		messages_++;
		/* The newest counts: a thread that comes late must not clear for a link that is back, and judged anew.
		 */
		if (const auto news = readLinkNews(message))
			latest_[news->ifindex] = news->sends;
		lookDue_ = lookDue_ || message->nlmsg_type == RTM_DELROUTE;
	}
	return 0;
}

void LinkGuard::clearDead()
{
	const std::lock_guard lock(mutex_);
	if (std::exchange(lookDue_, false))
		look();
	for (const auto &[ifindex, sends] : latest_) {
		if (sends)
			continue;
		const auto [first, last] = table_.equal_range(ifindex);
		for (auto entry = first; entry != last; ++entry)
			clear(entry->second);
	}
	latest_.clear();
}

void LinkGuard::look()
{
	for (auto entry = table_.begin(); entry != table_.end(); entry = table_.upper_bound(entry->first))
		if (!linkSends(mnl_socket_get_fd(socket_.get()), entry->first))
			latest_[entry->first] = false;
}

void LinkGuard::clear(uint32_t nextHop)
{
	auto *word = reinterpret_cast<uint64_t *>(liveness_.data()) + nextHop / 64;
	const uint64_t bit = UINT64_C(1) << (nextHop % 64);
	if (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit)
		cleared_++;
}
