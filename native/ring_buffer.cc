#include "ring_buffer.h"

#include "arguments.h"
#include "map_info.h"

#include <fcntl.h>

#include <cstring>

namespace
{
constexpr uint64_t kRecordHeaderBytes = BPF_RINGBUF_HDR_SZ;

constexpr uint64_t roundUp8(uint64_t size)
{
	return (size + 7) / 8 * 8;
}
} // namespace

Napi::Function RingBuffer::define(Napi::Env env)
{
	return DefineClass(env, "RingBuffer", {jsMethod<&RingBuffer::drain>("drain"), jsClose()});
}

RingBuffer::RingBuffer(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const int mapFd = toFd(info[0], "mapFd");
		onReadable_ = Napi::Persistent(toFunction(info[1], "onReadable"));
		const bpf_map_info map = mapInfo(mapFd);
		if (map.type != BPF_MAP_TYPE_RINGBUF)
			throw ArgumentError("mapFd must be of a map of type ringbuf");
		const size_t pageBytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
		fd_ = UniqueFd(checked(fcntl(mapFd, F_DUPFD_CLOEXEC, 0), "dup"));
		consumer_ = Mapping(fd_.get(), pageBytes, PROT_READ | PROT_WRITE, 0);
		producer_ = Mapping(fd_.get(), pageBytes + 2 * static_cast<size_t>(map.max_entries), PROT_READ,
				    static_cast<off_t>(pageBytes));
		mask_ = map.max_entries - 1;
		poll_.open(environment(), fd_.get(), UV_READABLE, [this](int status) { onPoll(status); });
		opened(Lifetime::UntilClosed);
	});
}

RingBuffer::~RingBuffer()
{
	release();
}

void RingBuffer::release() noexcept
{
	poll_.close();
	consumer_.reset();
	producer_.reset();
	fd_.reset();
	onReadable_.Reset();
}

void RingBuffer::onPoll(int)
{
	/* A ring buffer's descriptor has no error state; level-triggered, so that JavaScript has to drain it. */
	environment().intoJs([this] { onReadable_.Call({}); });
}

Napi::Value RingBuffer::drain(const Napi::CallbackInfo &info)
{
	const Bytes into = toBytes(info[0], "into");
	requireOpen();
	return Napi::Number::New(info.Env(), static_cast<double>(copyRecords(into.data, into.size)));
}

size_t RingBuffer::copyRecords(uint8_t *into, size_t room)
{
	auto *consumerPosition = reinterpret_cast<uint64_t *>(consumer_.data());
	const uint8_t *data = producer_.data() + consumer_.size();
	uint64_t position = __atomic_load_n(consumerPosition, __ATOMIC_RELAXED);
	const uint64_t end = __atomic_load_n(reinterpret_cast<uint64_t *>(producer_.data()), __ATOMIC_ACQUIRE);
	size_t written = 0;
	while (position < end) {
		const uint8_t *record = data + (position & mask_);
		const uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t *>(record), __ATOMIC_ACQUIRE);
		if (header & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved, not yet submitted: the next wake-up brings it */
		const uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (length > mask_)
			throw SystemError(EBADMSG, "ring buffer record");
		if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
			const size_t needed = 2 * sizeof(uint32_t) + roundUp8(length);
			if (needed > room - written) {
				if (written == 0)
					throw ArgumentError("into must have at least " + std::to_string(needed) +
							    " bytes for the next record");
				break;
			}
			const uint32_t prefix[2] = {length, 0};
			memcpy(into + written, prefix, sizeof(prefix));
			memcpy(into + written + sizeof(prefix), record + kRecordHeaderBytes, length);
			memset(into + written + sizeof(prefix) + length, 0, roundUp8(length) - length);
			written += needed;
		}
		position += roundUp8(length + kRecordHeaderBytes);
		__atomic_store_n(consumerPosition, position, __ATOMIC_RELEASE);
	}
	return written;
}
