#include "map_batch.h"

#include "arguments.h"
#include "errors.h"
#include "map_info.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <vector>

namespace
{
constexpr int kENOTSUPP = 524; /* the kernel's own: this map type has no such operation */

/** True when the kernel has no batched form for this map (or, older, does not know the command at all). */
bool isUnsupported(int result)
{
	return result == -kENOTSUPP || result == -ENOTSUP;
}

uint32_t toCount(const Napi::Value &value, const char *name)
{
	return static_cast<uint32_t>(toInteger(value, name, 0, UINT32_MAX));
}

[[noreturn]] void fail(int result, const char *call)
{
	throw SystemError(-result, call);
}

uint32_t updateOneByOne(int mapFd, const uint8_t *keys, const uint8_t *values, uint32_t count, const bpf_map_info &map,
			uint64_t flags)
{
	for (uint32_t i = 0; i < count; i++) {
		const int result = bpf_map_update_elem(mapFd, keys + static_cast<size_t>(i) * map.key_size,
						       values + static_cast<size_t>(i) * valueStride(map), flags);
		if (result < 0)
			fail(result, "BPF_MAP_UPDATE_ELEM");
	}
	return count;
}

uint32_t deleteOneByOne(int mapFd, const uint8_t *keys, uint32_t count, uint32_t keySize)
{
	uint32_t deleted = 0;
	for (uint32_t i = 0; i < count; i++) {
		const int result = bpf_map_delete_elem(mapFd, keys + static_cast<size_t>(i) * keySize);
		if (result == -ENOENT)
			continue;
		if (result < 0)
			fail(result, "BPF_MAP_DELETE_ELEM");
		deleted++;
	}
	return deleted;
}

/** Grows two buffers by chunks while it walks a map. */
class Walk
{
      public:
	Walk(int mapFd, const bpf_map_info &map, uint32_t maxEntries)
	    : mapFd_(mapFd), keySize_(map.key_size), stride_(valueStride(map)), maxEntries_(maxEntries),
	      token_(std::max<size_t>(map.key_size, 8)), nextToken_(token_.size())
	{
	}

	/** False: this map has no batched look-up. Restarts when a concurrent writer pulls the rug away. */
	bool batched();
	void oneByOne();

	std::vector<uint8_t> keys;
	std::vector<uint8_t> values;
	uint32_t count = 0;

      private:
	void reserve(uint32_t more)
	{
		keys.resize((static_cast<size_t>(count) + more) * keySize_);
		values.resize((static_cast<size_t>(count) + more) * stride_);
	}
	void requireRoom() const
	{
		if (count > maxEntries_)
			throw SystemError(E2BIG, "mapReadAll: more than maxEntries");
	}
	int batchedOnce();

	int mapFd_;
	size_t keySize_;
	size_t stride_;
	uint32_t maxEntries_;
	std::vector<uint8_t> token_;
	std::vector<uint8_t> nextToken_;
};

int Walk::batchedOnce()
{
	/* A hash bucket is copied as a whole: ENOSPC means that the next one is longer than the chunk. */
	uint32_t chunk = 4096;
	bool first = true;
	count = 0;
	for (;;) {
		reserve(chunk);
		uint32_t taken = chunk;
		const int result = bpf_map_lookup_batch(mapFd_, first ? nullptr : token_.data(), nextToken_.data(),
							keys.data() + count * keySize_, values.data() + count * stride_,
							&taken, nullptr);
		if (result == -ENOSPC) {
			chunk *= 2;
			continue;
		}
		if (result < 0 && result != -ENOENT)
			return result;
		count += taken;
		requireRoom();
		if (result == -ENOENT)
			return 0;
		first = false;
		token_.swap(nextToken_);
	}
}

bool Walk::batched()
{
	constexpr int kAttempts = 5;
	for (int attempt = 1;; attempt++) {
		const int result = batchedOnce();
		if (result == 0)
			return true;
		if (isUnsupported(result))
			return false;
		if (result != -EINTR || attempt == kAttempts)
			fail(result, "BPF_MAP_LOOKUP_BATCH");
	}
}

void Walk::oneByOne()
{
	count = 0;
	for (const uint8_t *key = nullptr;; key = token_.data()) {
		const int result = bpf_map_get_next_key(mapFd_, key, nextToken_.data());
		if (result == -ENOENT)
			return;
		if (result < 0)
			fail(result, "BPF_MAP_GET_NEXT_KEY");
		token_.swap(nextToken_);
		reserve(1);
		const int found = bpf_map_lookup_elem(mapFd_, token_.data(), values.data() + count * stride_);
		if (found == -ENOENT)
			continue; /* deleted in between */
		if (found < 0)
			fail(found, "BPF_MAP_LOOKUP_ELEM");
		std::copy_n(token_.data(), keySize_, keys.data() + count * keySize_);
		count++;
		requireRoom();
	}
}

Napi::Uint8Array copyOut(Napi::Env env, const std::vector<uint8_t> &from, size_t size)
{
	auto array = Napi::Uint8Array::New(env, size);
	std::copy_n(from.data(), size, array.Data());
	return array;
}
} // namespace

Napi::Value mapUpdateBatch(const Napi::CallbackInfo &info)
{
	const int mapFd = toFd(info[0], "mapFd");
	const uint32_t count = toCount(info[3], "count");
	const auto flags = static_cast<uint64_t>(toInteger(info[4], "flags", 0, UINT32_MAX));
	const bpf_map_info map = mapInfo(mapFd);
	const Bytes keys = toBytes(info[1], "keys", static_cast<size_t>(count) * map.key_size);
	const Bytes values = toBytes(info[2], "values", static_cast<size_t>(count) * valueStride(map));
	if (count == 0)
		return Napi::Number::New(info.Env(), 0);

	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
	uint32_t written = count;
	/* Batches know no BPF_NOEXIST and no BPF_EXIST. */
	const bool batchable = (flags & ~static_cast<uint64_t>(BPF_F_LOCK)) == 0;
	const int result =
	    batchable ? bpf_map_update_batch(mapFd, keys.data, values.data, &written, &options) : -ENOTSUP;
	if (isUnsupported(result))
		written = updateOneByOne(mapFd, keys.data, values.data, count, map, flags);
	else if (result < 0)
		fail(result, "BPF_MAP_UPDATE_BATCH");
	return Napi::Number::New(info.Env(), written);
}

Napi::Value mapDeleteBatch(const Napi::CallbackInfo &info)
{
	const int mapFd = toFd(info[0], "mapFd");
	const uint32_t count = toCount(info[2], "count");
	const bpf_map_info map = mapInfo(mapFd);
	const Bytes keys = toBytes(info[1], "keys", static_cast<size_t>(count) * map.key_size);

	uint32_t deleted = 0;
	/* The batch stops at a key that is not there: go on behind it. */
	for (uint32_t done = 0; done < count;) {
		uint32_t taken = count - done;
		const uint8_t *rest = keys.data + static_cast<size_t>(done) * map.key_size;
		DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, options);
		const int result = bpf_map_delete_batch(mapFd, rest, &taken, &options);
		if (isUnsupported(result)) {
			deleted += deleteOneByOne(mapFd, rest, count - done, map.key_size);
			break;
		}
		if (result < 0 && result != -ENOENT)
			fail(result, "BPF_MAP_DELETE_BATCH");
		deleted += taken;
		done += taken + (result == -ENOENT ? 1 : 0);
	}
	return Napi::Number::New(info.Env(), deleted);
}

Napi::Value mapReadArray(const Napi::CallbackInfo &info)
{
	const int mapFd = toFd(info[0], "mapFd");
	const uint32_t count = toCount(info[1], "count");
	const bpf_map_info map = mapInfo(mapFd);
	if (map.type != BPF_MAP_TYPE_ARRAY && map.type != BPF_MAP_TYPE_PERCPU_ARRAY)
		throw ArgumentError("mapFd must be of an array or a per-CPU array");
	if (count > map.max_entries)
		throw ArgumentError("count must be at most the map's " + std::to_string(map.max_entries));
	const Bytes values = toBytes(info[2], "values", static_cast<size_t>(count) * valueStride(map));

	std::vector<uint32_t> keys(count);
	uint32_t token = 0;
	uint32_t nextToken = 0;
	for (uint32_t done = 0; done < count;) {
		uint32_t taken = count - done;
		const int result =
		    bpf_map_lookup_batch(mapFd, done == 0 ? nullptr : &token, &nextToken, keys.data() + done,
					 values.data + done * valueStride(map), &taken, nullptr);
		if (result < 0 && !(result == -ENOENT && taken == count - done))
			fail(result, "BPF_MAP_LOOKUP_BATCH");
		done += taken;
		token = nextToken;
	}
	return info.Env().Undefined();
}

Napi::Value mapReadAll(const Napi::CallbackInfo &info)
{
	const int mapFd = toFd(info[0], "mapFd");
	const uint32_t keySize = toCount(info[1], "keySize");
	const uint32_t valueSize = toCount(info[2], "valueSize");
	const uint32_t maxEntries = toCount(info[3], "maxEntries");
	const bpf_map_info map = mapInfo(mapFd);
	if (keySize != map.key_size || keySize == 0)
		throw ArgumentError("keySize must be the map's " + std::to_string(map.key_size));
	if (valueSize != map.value_size && valueSize != valueStride(map))
		throw ArgumentError("valueSize must be the map's " + std::to_string(map.value_size));

	Walk walk(mapFd, map, maxEntries);
	if (!walk.batched())
		walk.oneByOne();
	Napi::Object result = Napi::Object::New(info.Env());
	result["keys"] = copyOut(info.Env(), walk.keys, static_cast<size_t>(walk.count) * map.key_size);
	result["values"] = copyOut(info.Env(), walk.values, static_cast<size_t>(walk.count) * valueStride(map));
	result["count"] = Napi::Number::New(info.Env(), walk.count);
	return result;
}
