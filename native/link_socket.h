/** The LinkSocket of src/native.ts: UDP on one interface in one family, which tells the hop limit of what it receives.
 */
#pragma once

#include "loop_handle.h"
#include "native_object.h"
#include "socket_address.h"
#include "unique_fd.h"

#include <optional>
#include <string>
#include <vector>

struct msghdr;

class LinkSocket : public NativeObject<LinkSocket>
{
      public:
	static Napi::Function define(Napi::Env env);
	/** (options: LinkSocketOptions) */
	explicit LinkSocket(const Napi::CallbackInfo &info);
	~LinkSocket() override;
	void release() noexcept override;

	/** (max) -> LinkDatagram[] */
	Napi::Value receive(const Napi::CallbackInfo &info);
	/** (destination, bytes) */
	Napi::Value send(const Napi::CallbackInfo &info);
	Napi::Value source(const Napi::CallbackInfo &info);
	Napi::Value overruns(const Napi::CallbackInfo &info);

      private:
	void readOptions(const Napi::Value &value);
	/** A socket that is bound to the interface, not to a port. */
	UniqueFd openOnLink() const;
	void openSocket();
	void onPoll(int status);
	void report(int error);
	/** Appends what one system call takes, at most `max`; false when nothing is left. */
	bool receiveBatch(Napi::Array &datagrams, uint32_t max);
	Napi::Object toDatagram(msghdr &header, size_t size);
	Napi::Uint8Array toAddress(const void *bytes);
	size_t addressBytes() const
	{
		return family_ == 4 ? sizeof(in_addr) : sizeof(in6_addr);
	}

	int family_ = 4;
	int ifindex_ = 0;
	std::string ifname_;
	uint16_t port_ = 0;
	uint16_t peerPort_ = 0;
	std::vector<uint8_t> group_;
	size_t maximumBytes_ = 0;
	std::optional<int> receiveBufferBytes_;
	std::string netns_;
	UniqueFd fd_;
	/** kBatch times maximumBytes_. */
	std::vector<uint8_t> buffers_;
	uint32_t overruns_ = 0;
	Napi::FunctionReference onReadable_;
	Napi::FunctionReference onError_;
	PollHandle poll_;
};
