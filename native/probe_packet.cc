#include "probe_packet.h"

#include "../bpf/abi.h"
#include "errors.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <cstring>

namespace
{
constexpr size_t kIcmpBytes = kIcmpHeaderBytes + sizeof(probe_payload);
constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kVlanTagBytes = 4;

uint16_t read16be(const uint8_t *from)
{
	return static_cast<uint16_t>(from[0] << 8 | from[1]);
}

void write16be(uint8_t *into, uint16_t value)
{
	into[0] = static_cast<uint8_t>(value >> 8);
	into[1] = static_cast<uint8_t>(value);
}

/** One's complement sum of big-endian 16-bit words (RFC 1071), not folded. `size` is even. */
uint32_t sumWords(const uint8_t *data, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += read16be(data + i);
	return sum;
}

uint16_t foldChecksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<uint16_t>(~sum);
}

bool isVlanTag(uint16_t etherType)
{
	return etherType == ETH_P_8021Q || etherType == ETH_P_8021AD;
}
} // namespace

uint64_t probeCookie(const SipHashKey &key, const probe_payload &payload)
{
	return sipHash24(key, &payload, offsetof(probe_payload, cookie));
}

ProbePacket::ProbePacket(std::vector<uint8_t> frame, size_t icmpOffset, int family, bool rawIp, uint32_t session,
			 uint32_t epoch)
    : frame_(std::move(frame)), icmpOffset_(icmpOffset), session_(session), epoch_(epoch)
{
	if (icmpOffset_ > frame_.size() || frame_.size() - icmpOffset_ != kIcmpBytes)
		throw ArgumentError("stream.frame must end " + std::to_string(kIcmpBytes) +
				    " bytes after stream.icmpOffset (ICMP header and probe payload)");
	findIpHeader(rawIp);
	checkIpHeader(family);
	const uint8_t echoRequest = family == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	if (frame_[icmpOffset_] != echoRequest || frame_[icmpOffset_ + 1] != 0)
		throw ArgumentError("stream.frame must hold an echo request (ICMP type " + std::to_string(echoRequest) +
				    ", code 0) at stream.icmpOffset");
	if (family == 6) {
		/* RFC 8200, section 8.1: addresses, upper-layer length, next header. */
		pseudoHeaderSum_ = sumWords(frame_.data() + ipOffset_ + 8, 32, kIcmpBytes + IPPROTO_ICMPV6);
	}
}

void ProbePacket::findIpHeader(bool rawIp)
{
	if (rawIp)
		return;
	size_t typeOffset = offsetof(ethhdr, h_proto);
	while (typeOffset + 2 <= icmpOffset_ && isVlanTag(read16be(frame_.data() + typeOffset)))
		typeOffset += kVlanTagBytes;
	if (typeOffset + 2 > icmpOffset_)
		throw ArgumentError("stream.frame must begin with an Ethernet header");
	protocol_ = read16be(frame_.data() + offsetof(ethhdr, h_proto));
	ipOffset_ = typeOffset + 2;
}

void ProbePacket::checkIpHeader(int family)
{
	const size_t headerBytes = family == 4 ? kIpv4HeaderBytes : kIpv6HeaderBytes;
	if (icmpOffset_ < ipOffset_ + headerBytes || frame_[ipOffset_] >> 4 != family)
		throw ArgumentError("stream.frame must have an IPv" + std::to_string(family) +
				    " header in front of stream.icmpOffset");
	if (protocol_ == 0)
		protocol_ = family == 4 ? ETH_P_IP : ETH_P_IPV6;
}

void ProbePacket::stamp(const SipHashKey &key, uint32_t sequence, uint64_t transmitNs)
{
	uint8_t *icmp = frame_.data() + icmpOffset_;
	probe_payload payload{};
	payload.magic = PROBE_MAGIC;
	payload.session = session_;
	payload.epoch = epoch_;
	payload.sequence = sequence;
	payload.transmit_ns = transmitNs;
	payload.cookie = probeCookie(key, payload);
	memcpy(icmp + kIcmpHeaderBytes, &payload, sizeof(payload));
	write16be(icmp + 4, PROBE_ICMP_ID);
	write16be(icmp + 6, static_cast<uint16_t>(sequence));
	write16be(icmp + 2, 0);
	write16be(icmp + 2, foldChecksum(sumWords(icmp, kIcmpBytes, pseudoHeaderSum_)));
}
