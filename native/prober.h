/** JavaScript's side of the probe transmitter: checks arguments, converts the log. */
#pragma once

#include "native_object.h"
#include "transmitter.h"

#include <memory>

class Prober : public NativeObject<Prober>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: ProberOptions) */
	explicit Prober(const Napi::CallbackInfo &info);
	~Prober() override;
	void release() noexcept override;

	Napi::Value realtime(const Napi::CallbackInfo &info);
	Napi::Value setStream(const Napi::CallbackInfo &info);
	Napi::Value removeStream(const Napi::CallbackInfo &info);
	Napi::Value burst(const Napi::CallbackInfo &info);
	Napi::Value readTransmitLog(const Napi::CallbackInfo &info);
	Napi::Value transmitLogOverruns(const Napi::CallbackInfo &info);
	Napi::Value heartbeatNs(const Napi::CallbackInfo &info);

      private:
	std::unique_ptr<Transmitter> transmitter_;
};
