/** A region of memory from mmap with one owner. */
#pragma once

#include "errors.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

class Mapping
{
      public:
	Mapping() = default;
	/** Throws SystemError. */
	Mapping(int fd, size_t size, int protection, off_t offset)
	{
		void *address = mmap(nullptr, size, protection, MAP_SHARED, fd, offset);
		if (address == MAP_FAILED)
			throw SystemError(errno, "mmap");
		data_ = static_cast<uint8_t *>(address);
		size_ = size;
	}
	Mapping(Mapping &&other) noexcept
	    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0))
	{
	}
	Mapping &operator=(Mapping &&other) noexcept
	{
		std::swap(data_, other.data_);
		std::swap(size_, other.size_);
		return *this;
	}
	Mapping(const Mapping &) = delete;
	Mapping &operator=(const Mapping &) = delete;
	~Mapping()
	{
		reset();
	}

	void reset()
	{
		if (data_)
			munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
	}
	uint8_t *data() const
	{
		return data_;
	}
	size_t size() const
	{
		return size_;
	}

      private:
	uint8_t *data_ = nullptr;
	size_t size_ = 0;
};
