/** The AF_NETLINK socket of src/native.ts: moves bytes, parses nothing. */
#pragma once

#include "loop_handle.h"
#include "native_object.h"

#include <libmnl/libmnl.h>

#include <memory>
#include <vector>

class NetlinkSocket : public NativeObject<NetlinkSocket>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: NetlinkSocketOptions) */
	explicit NetlinkSocket(const Napi::CallbackInfo &info);
	~NetlinkSocket() override;
	void release() noexcept override;

	Napi::Value portId(const Napi::CallbackInfo &info);
	Napi::Value send(const Napi::CallbackInfo &info);
	Napi::Value joinGroup(const Napi::CallbackInfo &info);

      private:
	struct CloseSocket {
		void operator()(mnl_socket *socket) const
		{
			mnl_socket_close(socket);
		}
	};

	void setOption(int option, int value, const char *call);
	void onPoll(int status);
	/** Takes one datagram or one error to JavaScript; false when nothing is left. */
	bool receiveOne();

	std::unique_ptr<mnl_socket, CloseSocket> socket_;
	uint32_t portId_ = 0;
	std::vector<uint8_t> datagram_;
	Napi::FunctionReference onMessages_;
	Napi::FunctionReference onError_;
	PollHandle poll_;
};
