#include "link_guard.h"

#include "errors.h"
#include "map_info.h"
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
/* One message with all attributes of a NIC's virtual functions can be longer than a page. */
constexpr size_t kDatagramBytes = 256 * 1024;
/* A burst of 10,000 links. */
constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
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

LinkGuard::LinkGuard(int livenessFd, int realtimePriority, uint8_t routeProtocol, const std::string &netns)
    : liveness_(mapLiveness(livenessFd)), stopEvent_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      datagram_(kDatagramBytes)
{
	withinNetns(netns, [&] {
		socket_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
		checked(socket_ ? 0 : -1, "socket(AF_NETLINK)");
	});
	setReceiveBuffer(mnl_socket_get_fd(socket_.get()), kReceiveBufferBytes);
	filterLinkNews(mnl_socket_get_fd(socket_.get()), routeProtocol);
	checked(mnl_socket_bind(socket_.get(), RTMGRP_LINK | RTMGRP_IPV6_ROUTE, MNL_SOCKET_AUTOPID),
		"bind(AF_NETLINK)");
	thread_ = std::thread([this] { run(); });
	pthread_setname_np(thread_.native_handle(), "detour-links");
	realtime_ = makeRealtime(thread_.native_handle(), realtimePriority);
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
		if (error == EAGAIN)
			return true;
		if (error == ENOBUFS || error == EMSGSIZE) {
			overruns_++;
		} else if (error != 0 && error != EINTR) {
			/* Going on would be a loop at real-time priority. */
			error_ = error;
			return false;
		}
	}
	return true;
}

int LinkGuard::receiveOne()
{
	sockaddr_nl sender{};
	iovec vector{.iov_base = datagram_.data(), .iov_len = datagram_.size()};
	msghdr header{};
	header.msg_name = &sender;
	header.msg_namelen = sizeof(sender);
	header.msg_iov = &vector;
	header.msg_iovlen = 1;
	const ssize_t size = recvmsg(mnl_socket_get_fd(socket_.get()), &header, MSG_DONTWAIT);
	if (size < 0)
		return errno;
	/* Only the kernel is believed; other processes can send to a netlink port, too. */
	if (sender.nl_pid != 0)
		return 0;
	if (header.msg_flags & MSG_TRUNC)
		return EMSGSIZE;
	int left = static_cast<int>(size);
	for (auto *message = reinterpret_cast<const nlmsghdr *>(datagram_.data()); mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left)) {
		messages_++;
		/* The newest counts: a thread that comes late must not clear for a link that is back, and judged anew.
		 */
		if (const auto news = readLinkNews(message))
			latest_[news->ifindex] = news->sends;
		routesGone_ = routesGone_ || message->nlmsg_type == RTM_DELROUTE;
	}
	return 0;
}

void LinkGuard::clearDead()
{
	const std::lock_guard lock(mutex_);
	if (std::exchange(routesGone_, false))
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
