/**
 * Reads JavaScript values with their bounds checked. Every function throws a TypeError that names the argument and
 * what it must be: nothing that comes from JavaScript may reach a system call or a memory access unchecked.
 */
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/** A view of a Uint8Array; valid during the call only. */
struct Bytes {
	uint8_t *data;
	size_t size;

	std::vector<uint8_t> copy() const
	{
		return std::vector<uint8_t>(data, data + size);
	}
};

int64_t toInteger(const Napi::Value &value, const std::string &name, int64_t min, int64_t max);
/** A BigInt of at most 64 bits, unsigned. */
uint64_t toUint64(const Napi::Value &value, const std::string &name);
Bytes toBytes(const Napi::Value &value, const std::string &name);
/** `size` bytes exactly. */
Bytes toBytes(const Napi::Value &value, const std::string &name, size_t size);
Napi::Function toFunction(const Napi::Value &value, const std::string &name);
bool toBoolean(const Napi::Value &value, const std::string &name);
/** A string without NUL, at most `maxLength` bytes of UTF-8. */
std::string toString(const Napi::Value &value, const std::string &name, size_t maxLength);
/** A file descriptor number; whether it is open is for the kernel to say. */
int toFd(const Napi::Value &value, const std::string &name);

/** The fields of an options object. */
class Options
{
      public:
	Options(const Napi::Value &value, const std::string &name);

	Napi::Value value(const char *field) const;
	/** False for undefined and for null. */
	bool has(const char *field) const;

	int64_t integer(const char *field, int64_t min, int64_t max) const;
	uint32_t u32(const char *field, uint32_t min = 0, uint32_t max = UINT32_MAX) const;
	double number(const char *field, double min, double max) const;
	bool boolean(const char *field) const;
	Bytes bytes(const char *field) const;
	Bytes bytes(const char *field, size_t size) const;
	Napi::Function function(const char *field) const;
	std::string string(const char *field, size_t maxLength) const;
	/** 4 or 6. */
	int family() const;
	/** Optional path of a network namespace file; "" where it is absent. */
	std::string netns() const;

      private:
	std::string path(const char *field) const;

	Napi::Object object_;
	std::string name_;
};
