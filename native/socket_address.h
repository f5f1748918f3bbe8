/** Addresses for socket calls, and the few socket options that several subjects set. */
#pragma once

#include "arguments.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

struct SocketAddress {
	sockaddr_storage storage{};
	socklen_t size = 0;

	const sockaddr *get() const
	{
		return reinterpret_cast<const sockaddr *>(&storage);
	}
	sockaddr *get()
	{
		return reinterpret_cast<sockaddr *>(&storage);
	}
};

/** AF_INET for 4, AF_INET6 for 6. */
int addressFamily(int family);

/** From raw bytes (4 or 16, checked by the caller). */
SocketAddress makeAddress(int family, const uint8_t *bytes, uint16_t port, uint32_t scopeId);

/** From text. Throws ArgumentError, naming `name`. */
SocketAddress parseAddress(int family, const std::string &text, uint16_t port, const std::string &name);

/** setsockopt with an int; throws SystemError. */
void setIntOption(int fd, int level, int option, int value, const char *call);

/** Receive buffer beyond net.core.rmem_max where CAP_NET_ADMIN allows it, up to it elsewhere. */
void setReceiveBuffer(int fd, int bytes);
void setSendBuffer(int fd, int bytes);

/** Packets that a socket itself dropped, because nobody read them in time. */
uint32_t socketDrops(int fd);
