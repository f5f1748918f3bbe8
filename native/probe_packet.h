/** The frame of one ICMP echo stream: checked once, then stamped for every probe. */
#pragma once

#include "siphash.h"

#include <cstddef>
#include <cstdint>
#include <vector>

struct probe_payload;

/** Bytes of an ICMP echo header (RFC 792; RFC 4443, section 4.1). */
constexpr size_t kIcmpHeaderBytes = 8;

/** Cookie of a payload: over everything in front of it. */
uint64_t probeCookie(const SipHashKey &key, const probe_payload &payload);

class ProbePacket
{
      public:
	ProbePacket() = default;
	/**
	 * @param frame from the Ethernet header on, or from the IP header where `rawIp`.
	 * @param icmpOffset where the ICMP header begins; it and struct probe_payload end the frame.
	 * Throws ArgumentError when the frame is not an echo request of that family in that place.
	 */
	ProbePacket(std::vector<uint8_t> frame, size_t icmpOffset, int family, bool rawIp, uint32_t session,
		    uint32_t epoch);

	/** Writes payload, ICMP sequence number and checksum of one probe. */
	void stamp(const SipHashKey &key, uint32_t sequence, uint64_t transmitNs);

	const std::vector<uint8_t> &frame() const
	{
		return frame_;
	}
	/** EtherType of the IP header, host order: ETH_P_IP, ETH_P_IPV6, or the outer VLAN tag's. */
	uint16_t protocol() const
	{
		return protocol_;
	}

      private:
	void findIpHeader(bool rawIp);
	void checkIpHeader(int family);

	std::vector<uint8_t> frame_;
	size_t icmpOffset_ = 0;
	size_t ipOffset_ = 0;
	uint16_t protocol_ = 0;
	uint32_t session_ = 0;
	uint32_t epoch_ = 0;
	/** Sum of the ICMPv6 pseudo header; 0 for IPv4, whose ICMP has none. */
	uint32_t pseudoHeaderSum_ = 0;
};
