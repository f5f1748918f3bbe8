/** A switch for a few frames that loses, repeats and overtakes them: the lab's bad Wi-Fi. */
#pragma once

#include "native_object.h"
#include "unique_fd.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <thread>
#include <vector>

class FrameRelay : public NativeObject<FrameRelay>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: FrameRelayOptions) */
	explicit FrameRelay(const Napi::CallbackInfo &info);
	~FrameRelay() override;
	void release() noexcept override;

	Napi::Value statistics(const Napi::CallbackInfo &info);

      private:
	using Mac = std::array<uint8_t, 6>;
	/** With the virtio_net_hdr in front that says how far its checksum is computed. */
	using Frame = std::shared_ptr<const std::vector<uint8_t>>;
	struct Due {
		int64_t whenNs;
		uint64_t number;
		size_t port;
		Frame frame;
		bool operator>(const Due &other) const
		{
			return whenNs != other.whenNs ? whenNs > other.whenNs : number > other.number;
		}
	};

	void run();
	void receiveFrom(size_t port);
	void relay(size_t from, const Frame &frame);
	/** Decides the fate of one frame at one port. */
	void plan(size_t port, const Frame &frame);
	void enqueue(size_t port, const Frame &frame);
	void sendDue();
	int waitMs() const;
	/** [0, 1): splitmix64, so that a seed gives the same fates to the same frames. */
	double random();

	double loss_ = 0;
	double duplication_ = 0;
	double reordering_ = 0;
	int64_t delayNs_ = 0;
	int64_t reorderDelayNs_ = 0;
	std::vector<UniqueFd> ports_;
	UniqueFd stopEvent_;
	std::atomic<uint64_t> received_{0};
	std::atomic<uint64_t> sent_{0};
	std::atomic<uint64_t> lost_{0};
	std::atomic<uint64_t> duplicated_{0};
	std::atomic<uint64_t> reordered_{0};
	std::atomic<uint64_t> sendErrors_{0};
	/* The thread's own. */
	uint64_t randomState_ = 0;
	uint64_t enqueued_ = 0;
	std::map<Mac, size_t> learned_;
	std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
	std::thread thread_;
};
