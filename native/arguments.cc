#include "arguments.h"

#include "errors.h"

#include <climits>
#include <cmath>

int64_t toInteger(const Napi::Value &value, const std::string &name, int64_t min, int64_t max)
{
	/* The negated comparison also refuses NaN. */
	const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
	if (!(number >= static_cast<double>(min) && number <= static_cast<double>(max)) || number != std::floor(number))
		throw ArgumentError(name + " must be an integer from " + std::to_string(min) + " to " +
				    std::to_string(max));
	return static_cast<int64_t>(number);
}

uint64_t toUint64(const Napi::Value &value, const std::string &name)
{
	bool lossless = false;
	uint64_t result = 0;
	if (value.IsBigInt())
		result = value.As<Napi::BigInt>().Uint64Value(&lossless);
	if (!lossless)
		throw ArgumentError(name + " must be a bigint from 0 to 2^64 - 1");
	return result;
}

Bytes toBytes(const Napi::Value &value, const std::string &name)
{
	if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		throw ArgumentError(name + " must be a Uint8Array");
	auto array = value.As<Napi::Uint8Array>();
	return {array.Data(), array.ByteLength()};
}

Bytes toBytes(const Napi::Value &value, const std::string &name, size_t size)
{
	const Bytes bytes = toBytes(value, name);
	if (bytes.size != size)
		throw ArgumentError(name + " must have " + std::to_string(size) + " bytes, not " +
				    std::to_string(bytes.size));
	return bytes;
}

Napi::Function toFunction(const Napi::Value &value, const std::string &name)
{
	if (!value.IsFunction())
		throw ArgumentError(name + " must be a function");
	return value.As<Napi::Function>();
}

bool toBoolean(const Napi::Value &value, const std::string &name)
{
	if (!value.IsBoolean())
		throw ArgumentError(name + " must be a boolean");
	return value.As<Napi::Boolean>().Value();
}

std::string toString(const Napi::Value &value, const std::string &name, size_t maxLength)
{
	if (!value.IsString())
		throw ArgumentError(name + " must be a string");
	std::string text = value.As<Napi::String>().Utf8Value();
	if (text.size() > maxLength || text.find('\0') != std::string::npos)
		throw ArgumentError(name + " must be a string of at most " + std::to_string(maxLength) +
				    " bytes without NUL");
	return text;
}

int toFd(const Napi::Value &value, const std::string &name)
{
	return static_cast<int>(toInteger(value, name, 0, INT_MAX));
}

Options::Options(const Napi::Value &value, const std::string &name) : name_(name)
{
	if (!value.IsObject())
		throw ArgumentError(name + " must be an object");
	object_ = value.As<Napi::Object>();
}

std::string Options::path(const char *field) const
{
	return name_ + "." + field;
}

Napi::Value Options::value(const char *field) const
{
	return object_.Get(field);
}

bool Options::has(const char *field) const
{
	const Napi::Value found = value(field);
	return !found.IsUndefined() && !found.IsNull();
}

int64_t Options::integer(const char *field, int64_t min, int64_t max) const
{
	return toInteger(value(field), path(field), min, max);
}

uint32_t Options::u32(const char *field, uint32_t min, uint32_t max) const
{
	return static_cast<uint32_t>(integer(field, min, max));
}

double Options::number(const char *field, double min, double max) const
{
	const Napi::Value found = value(field);
	const double number = found.IsNumber() ? found.As<Napi::Number>().DoubleValue() : NAN;
	if (!(number >= min && number <= max))
		throw ArgumentError(path(field) + " must be a number from " + std::to_string(min) + " to " +
				    std::to_string(max));
	return number;
}

bool Options::boolean(const char *field) const
{
	return toBoolean(value(field), path(field));
}

Bytes Options::bytes(const char *field) const
{
	return toBytes(value(field), path(field));
}

Bytes Options::bytes(const char *field, size_t size) const
{
	return toBytes(value(field), path(field), size);
}

Napi::Function Options::function(const char *field) const
{
	return toFunction(value(field), path(field));
}

std::string Options::string(const char *field, size_t maxLength) const
{
	return toString(value(field), path(field), maxLength);
}

int Options::family() const
{
	const int64_t family = integer("family", 4, 6);
	if (family == 5)
		throw ArgumentError(path("family") + " must be 4 or 6");
	return static_cast<int>(family);
}

std::string Options::netns() const
{
	return has("netns") ? string("netns", PATH_MAX - 1) : std::string();
}
