#include "socket_address.h"

#include "errors.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>

#include <cstring>

int addressFamily(int family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

SocketAddress makeAddress(int family, const uint8_t *bytes, uint16_t port, uint32_t scopeId)
{
	SocketAddress address;
	if (family == 4) {
		auto *ipv4 = reinterpret_cast<sockaddr_in *>(&address.storage);
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(port);
		memcpy(&ipv4->sin_addr, bytes, sizeof(ipv4->sin_addr));
		address.size = sizeof(*ipv4);
	} else {
		auto *ipv6 = reinterpret_cast<sockaddr_in6 *>(&address.storage);
		ipv6->sin6_family = AF_INET6;
		ipv6->sin6_port = htons(port);
		ipv6->sin6_scope_id = scopeId;
		memcpy(&ipv6->sin6_addr, bytes, sizeof(ipv6->sin6_addr));
		address.size = sizeof(*ipv6);
	}
	return address;
}

SocketAddress parseAddress(int family, const std::string &text, uint16_t port, const std::string &name)
{
	uint8_t bytes[sizeof(in6_addr)] = {};
	if (inet_pton(addressFamily(family), text.c_str(), bytes) != 1)
		throw ArgumentError(name + " must be an IPv" + std::to_string(family) + " address");
	return makeAddress(family, bytes, port, 0);
}

void setIntOption(int fd, int level, int option, int value, const char *call)
{
	checked(setsockopt(fd, level, option, &value, sizeof(value)), call);
}

void setReceiveBuffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setIntOption(fd, SOL_SOCKET, SO_RCVBUF, bytes, "setsockopt(SO_RCVBUF)");
}

void setSendBuffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setIntOption(fd, SOL_SOCKET, SO_SNDBUF, bytes, "setsockopt(SO_SNDBUF)");
}

uint32_t socketDrops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {};
	socklen_t size = sizeof(info);
	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}
