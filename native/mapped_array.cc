#include "mapped_array.h"

#include "arguments.h"
#include "map_info.h"

#include <cstring>

Napi::Function MappedArray::define(Napi::Env env)
{
	return DefineClass(env, "MappedArray",
			   {jsGetter<&MappedArray::bytes>("bytes"), jsMethod<&MappedArray::load32>("load32"),
			    jsMethod<&MappedArray::load64>("load64"), jsMethod<&MappedArray::store32>("store32"),
			    jsMethod<&MappedArray::store64>("store64"), jsMethod<&MappedArray::or64>("or64"),
			    jsMethod<&MappedArray::and64>("and64"), jsClose()});
}

MappedArray::MappedArray(const Napi::CallbackInfo &info) : NativeObject(info)
{
	guarded(info.Env(), [&] {
		const int mapFd = toFd(info[0], "mapFd");
		byteLength_ = static_cast<size_t>(toInteger(info[1], "byteLength", 1, INT64_C(1) << 40));
		writable_ = toBoolean(info[2], "writable");
		const bpf_map_info map = mapInfo(mapFd);
		if (map.type != BPF_MAP_TYPE_ARRAY || !(map.map_flags & BPF_F_MMAPABLE))
			throw ArgumentError("mapFd must be of an array map with BPF_F_MMAPABLE");
		const uint64_t mapBytes = (static_cast<uint64_t>(map.value_size) + 7) / 8 * 8 * map.max_entries;
		if (byteLength_ > mapBytes)
			throw ArgumentError("byteLength must be at most the map's " + std::to_string(mapBytes));
		const int protection = PROT_READ | (writable_ ? PROT_WRITE : 0);
		mapping_ = std::make_shared<Mapping>(mapFd, byteLength_, protection, 0);
		opened(Lifetime::Collectable);
	});
}

MappedArray::~MappedArray()
{
	release();
}

void MappedArray::release() noexcept
{
	mapping_.reset();
}

Napi::Value MappedArray::close(const Napi::CallbackInfo &info)
{
	if (!view_.IsEmpty()) {
		view_.Value().ArrayBuffer().Detach();
		view_.Reset();
	}
	return NativeObject::close(info);
}

Napi::Value MappedArray::bytes(const Napi::CallbackInfo &info)
{
	requireOpen();
	/* V8 has no read-only memory: a stray store into it would end the process. Hence a copy of this moment. */
	if (!writable_) {
		auto snapshot = Napi::Uint8Array::New(info.Env(), byteLength_);
		memcpy(snapshot.Data(), mapping_->data(), byteLength_);
		return snapshot;
	}
	if (view_.IsEmpty())
		view_ = Napi::Persistent(makeView(info.Env()));
	return view_.Value();
}

Napi::Uint8Array MappedArray::makeView(Napi::Env env)
{
	auto *share = new std::shared_ptr<Mapping>(mapping_);
	const auto drop = [](napi_env, void *, void *hint) { delete static_cast<std::shared_ptr<Mapping> *>(hint); };
	napi_value buffer = nullptr;
	const napi_status status =
	    napi_create_external_arraybuffer(env, mapping_->data(), byteLength_, drop, share, &buffer);
	if (status != napi_ok) {
		delete share;
		if (status == napi_no_external_buffers_allowed)
			throw Napi::Error::New(env,
					       "this JavaScript engine refuses external ArrayBuffers (V8 sandbox): "
					       "use load32/load64/store32/store64");
		throw Napi::Error::New(env);
	}
	return Napi::Uint8Array::New(env, byteLength_, Napi::ArrayBuffer(env, buffer), 0);
}

template <class Word> Word *MappedArray::word(const Napi::CallbackInfo &info, bool forWriting) const
{
	const auto offset = toInteger(info[0], "byteOffset", 0, INT64_MAX >> 11);
	requireOpen();
	if (forWriting && !writable_)
		throw SystemError(EACCES, "store into a map that is mapped read-only");
	if (static_cast<uint64_t>(offset) % sizeof(Word) != 0 ||
	    static_cast<uint64_t>(offset) + sizeof(Word) > byteLength_)
		throw ArgumentError("byteOffset must be a multiple of " + std::to_string(sizeof(Word)) + " below " +
				    std::to_string(byteLength_));
	return reinterpret_cast<Word *>(mapping_->data() + offset);
}

Napi::Value MappedArray::load32(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), __atomic_load_n(word<uint32_t>(info, false), __ATOMIC_ACQUIRE));
}

Napi::Value MappedArray::load64(const Napi::CallbackInfo &info)
{
	return Napi::BigInt::New(info.Env(), __atomic_load_n(word<uint64_t>(info, false), __ATOMIC_ACQUIRE));
}

Napi::Value MappedArray::store32(const Napi::CallbackInfo &info)
{
	const auto value = static_cast<uint32_t>(toInteger(info[1], "value", 0, UINT32_MAX));
	__atomic_store_n(word<uint32_t>(info, true), value, __ATOMIC_RELEASE);
	return info.Env().Undefined();
}

Napi::Value MappedArray::store64(const Napi::CallbackInfo &info)
{
	const uint64_t value = toUint64(info[1], "value");
	__atomic_store_n(word<uint64_t>(info, true), value, __ATOMIC_RELEASE);
	return info.Env().Undefined();
}

Napi::Value MappedArray::or64(const Napi::CallbackInfo &info)
{
	const uint64_t bits = toUint64(info[1], "bits");
	return Napi::BigInt::New(info.Env(), __atomic_fetch_or(word<uint64_t>(info, true), bits, __ATOMIC_ACQ_REL));
}

Napi::Value MappedArray::and64(const Napi::CallbackInfo &info)
{
	const uint64_t bits = toUint64(info[1], "bits");
	return Napi::BigInt::New(info.Env(), __atomic_fetch_and(word<uint64_t>(info, true), bits, __ATOMIC_ACQ_REL));
}
