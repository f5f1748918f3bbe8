/** What traffic source and sink have in common: the payload, and memory for one value for each sequence number. */
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

constexpr uint32_t kTrafficMagic = 0x44545246; /* "DTRF" */

/** Host order: source and sink are one program on one machine. */
struct TrafficPayload {
	uint32_t magic;
	uint32_t sequence;
	int64_t transmitNs;
};
static_assert(sizeof(TrafficPayload) == 16);

constexpr uint32_t kMaxTrafficPackets = 1U << 26;

/** Zeroed memory that costs nothing until it is written. */
template <class Element> class LazyArray
{
      public:
	explicit LazyArray(size_t size) : data_(static_cast<Element *>(calloc(size, sizeof(Element))), free)
	{
		if (!data_)
			throw std::bad_alloc();
	}
	Element &operator[](size_t index)
	{
		return data_.get()[index];
	}
	const Element *data() const
	{
		return data_.get();
	}

      private:
	std::unique_ptr<Element, void (*)(void *)> data_;
};
