/** Paced UDP sender for lab and measurements. */
#pragma once

#include "native_object.h"
#include "socket_address.h"
#include "traffic_packet.h"
#include "unique_fd.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

class TrafficSource : public NativeObject<TrafficSource>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: TrafficSourceOptions) */
	explicit TrafficSource(const Napi::CallbackInfo &info);
	~TrafficSource() override;
	void release() noexcept override;

	Napi::Value sent(const Napi::CallbackInfo &info);
	Napi::Value sendErrors(const Napi::CallbackInfo &info);
	Napi::Value stop(const Napi::CallbackInfo &info);

      private:
	void run();
	/** False when stopped in between. */
	bool sleepUntil(int64_t dueNs) const;
	void sendOne(uint32_t sequence, int64_t nowNs);

	uint32_t packetsPerSecond_ = 0;
	uint32_t maxPackets_ = 0;
	SocketAddress destination_;
	std::vector<uint8_t> payload_;
	UniqueFd fd_;
	std::atomic<bool> stopping_{false};
	std::atomic<uint32_t> sent_{0};
	std::atomic<uint32_t> sendErrors_{0};
	/* The thread's own until it has ended. */
	std::optional<LazyArray<int64_t>> transmitNs_;
	uint32_t skipped_ = 0;
	int64_t maxGapNs_ = 0;
	std::thread thread_;
};
