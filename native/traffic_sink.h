/** Counterpart of TrafficSource: when, and by which interface, each sequence number came. */
#pragma once

#include "native_object.h"
#include "traffic_packet.h"
#include "unique_fd.h"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

struct msghdr;
class ReceiveClock;

class TrafficSink : public NativeObject<TrafficSink>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: TrafficSinkOptions) */
	explicit TrafficSink(const Napi::CallbackInfo &info);
	~TrafficSink() override;
	void release() noexcept override;

	Napi::Value received(const Napi::CallbackInfo &info);
	Napi::Value takeCounts(const Napi::CallbackInfo &info);
	Napi::Value stop(const Napi::CallbackInfo &info);

      private:
	void run();
	/** Takes what is there; false when nothing was. */
	bool receiveBatch();
	void note(const TrafficPayload &payload, msghdr &header, const ReceiveClock &clock);

	uint32_t maxPackets_ = 0;
	UniqueFd fd_;
	UniqueFd stopEvent_;
	std::atomic<uint32_t> received_{0};
	/* The thread's own until it has ended. */
	std::optional<LazyArray<int64_t>> receiveNs_;
	std::optional<LazyArray<int32_t>> ifindex_;
	uint32_t duplicates_ = 0;
	uint32_t overruns_ = 0;

	std::mutex countsMutex_;
	std::map<int, uint32_t> counts_;
	std::thread thread_;
};
