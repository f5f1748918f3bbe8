/** Replies to our probes on one device, received through the stack: where no XDP program times them. */
#pragma once

#include "loop_handle.h"
#include "native_object.h"
#include "siphash.h"
#include "unique_fd.h"

#include <array>

class IcmpReceiver : public NativeObject<IcmpReceiver>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: IcmpReceiverOptions) */
	explicit IcmpReceiver(const Napi::CallbackInfo &info);
	~IcmpReceiver() override;
	void release() noexcept override;

      private:
	void openSocket(int ifindex);
	void onPoll(int status);
	/** Takes one packet; false when nothing is left. */
	bool receiveOne();
	void report(const uint8_t *icmp, size_t size, const uint8_t *source, size_t sourceSize, int64_t whenNs);

	int family_ = 4;
	SipHashKey cookieKey_{};
	UniqueFd fd_;
	Napi::FunctionReference onReply_;
	Napi::FunctionReference onError_;
	PollHandle poll_;
};
