#include "errors.h"

#include <cerrno>
#include <cstring>

std::string errnoName(int number)
{
	/* The kernel's own ENOTSUPP leaks out of bpf(2) for map types without an operation; libc has no name for it. */
	constexpr int kernelENOTSUPP = 524;
	if (number == kernelENOTSUPP)
		return "ENOTSUPP";
	const char *name = strerrorname_np(number);
	return name ? name : "E" + std::to_string(number);
}

SystemError::SystemError(int number, std::string call) : number_(number), call_(std::move(call))
{
	char buffer[128];
	message_ = errnoName(number_) + ": " + strerror_r(number_, buffer, sizeof(buffer)) + ", " + call_;
}

int checked(int result, const char *call)
{
	if (result < 0)
		throw SystemError(errno, call);
	return result;
}

Napi::Error toNativeError(Napi::Env env, const SystemError &error)
{
	Napi::Error jsError = Napi::Error::New(env, error.what());
	jsError.Set("code", Napi::String::New(env, errnoName(error.number())));
	jsError.Set("syscall", Napi::String::New(env, error.call()));
	jsError.Set("errno", Napi::Number::New(env, error.number()));
	return jsError;
}
