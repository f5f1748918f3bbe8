/** Reading from a netlink socket, for everybody who does. */
#pragma once

#include "arguments.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <vector>

/** One message with all attributes of a NIC's virtual functions can be longer than the 32 KiB of a dump's datagrams. */
constexpr size_t kNetlinkDatagramBytes = 256 * 1024;

/** The option `receiveBufferBytes`; by default 8 MiB, which is a burst of about 10,000 links. */
inline int receiveBufferBytes(const Options &options)
{
	constexpr int kDefault = 8 * 1024 * 1024;
	return options.has("receiveBufferBytes")
		   ? static_cast<int>(options.integer("receiveBufferBytes", 1, INT_MAX / 2))
		   : kDefault;
}

struct NetlinkDatagram {
	/** 0, or an errno. EAGAIN: nothing is left; ENOBUFS, EMSGSIZE: messages were lost; others: beyond use. */
	int error;
	/** Of the buffer. 0 without an error: nothing to read this time (a signal, another sender), but go on. */
	size_t bytes;
};

/** Never waits. A datagram that does not fit into `buffer` is lost: EMSGSIZE. */
inline NetlinkDatagram receiveFromKernel(int fd, std::vector<uint8_t> &buffer)
{
	sockaddr_nl sender{};
	iovec vector{.iov_base = buffer.data(), .iov_len = buffer.size()};
	msghdr header{};
	header.msg_name = &sender;
	header.msg_namelen = sizeof(sender);
	header.msg_iov = &vector;
	header.msg_iovlen = 1;
	const ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
	if (size < 0)
		return {.error = errno == EINTR ? 0 : errno, .bytes = 0};
	/* Only the kernel is believed; other processes can send to a netlink port, too. */
	if (sender.nl_pid != 0)
		return {.error = 0, .bytes = 0};
	if (header.msg_flags & MSG_TRUNC)
		return {.error = EMSGSIZE, .bytes = 0};
	return {.error = 0, .bytes = static_cast<size_t>(size)};
}
