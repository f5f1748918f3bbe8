/**
 * The transmitter's log: one writer (its thread), one reader (JavaScript's), no locks. A writer that meets a full log
 * overwrites the oldest record: what is new matters more, and the writer never waits. Each slot is a sequence lock, so
 * that the reader notices a record that was overwritten while it copied it.
 */
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

struct TransmitRecord {
	uint32_t session;
	uint32_t epoch;
	uint32_t sequence;
	int32_t error;
	int64_t transmitNs;
	int64_t lateNs;
};

class TransmitLog
{
      public:
	/** Power of two; at 1,000 probes a second this is 16 s of a reader that does not come. */
	static constexpr uint64_t kCapacity = 16384;

	TransmitLog() : slots_(std::make_unique<std::array<Slot, kCapacity>>())
	{
	}

	/** Writer only. */
	void push(const TransmitRecord &record)
	{
		const uint64_t index = head_.load(std::memory_order_relaxed);
		Slot &slot = (*slots_)[index % kCapacity];
		slot.version.store(2 * index + 1, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_release);
		const uint64_t words[kWords] = {
		    static_cast<uint64_t>(record.session) << 32 | record.epoch,
		    static_cast<uint64_t>(record.sequence) << 32 | static_cast<uint32_t>(record.error),
		    static_cast<uint64_t>(record.transmitNs),
		    static_cast<uint64_t>(record.lateNs),
		};
		for (size_t i = 0; i < kWords; i++)
			slot.words[i].store(words[i], std::memory_order_relaxed);
		slot.version.store(2 * index + 2, std::memory_order_release);
		head_.store(index + 1, std::memory_order_release);
	}

	/** Reader only. False: nothing is left. */
	bool pop(TransmitRecord &record)
	{
		for (;;) {
			const uint64_t head = head_.load(std::memory_order_acquire);
			if (tail_ == head)
				return false;
			if (head - tail_ > kCapacity) {
				overruns_ += head - kCapacity - tail_;
				tail_ = head - kCapacity;
			}
			const bool intact = copy(tail_++, record);
			if (intact)
				return true;
			overruns_++;
		}
	}

	/** Reader only: records lost to overwriting that the reader has come across. */
	uint64_t overruns() const
	{
		return overruns_;
	}

      private:
	static constexpr size_t kWords = 4;
	struct Slot {
		std::atomic<uint64_t> version{0};
		std::array<std::atomic<uint64_t>, kWords> words{};
	};

	bool copy(uint64_t index, TransmitRecord &record) const
	{
		const Slot &slot = (*slots_)[index % kCapacity];
		if (slot.version.load(std::memory_order_acquire) != 2 * index + 2)
			return false;
		uint64_t words[kWords];
		for (size_t i = 0; i < kWords; i++)
			words[i] = slot.words[i].load(std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_acquire);
		if (slot.version.load(std::memory_order_relaxed) != 2 * index + 2)
			return false;
		record = {.session = static_cast<uint32_t>(words[0] >> 32),
			  .epoch = static_cast<uint32_t>(words[0]),
			  .sequence = static_cast<uint32_t>(words[1] >> 32),
			  .error = static_cast<int32_t>(words[1]),
			  .transmitNs = static_cast<int64_t>(words[2]),
			  .lateNs = static_cast<int64_t>(words[3])};
		return true;
	}

	std::unique_ptr<std::array<Slot, kCapacity>> slots_;
	std::atomic<uint64_t> head_{0};
	uint64_t tail_ = 0;
	uint64_t overruns_ = 0;
};
