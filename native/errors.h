/**
 * How failures travel: code that knows no JavaScript throws SystemError or ArgumentError; `guarded` turns them into
 * a NativeError (code, syscall, errno) or a TypeError at the door. No other exception may reach V8's frames.
 */
#pragma once

#include <napi.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

/** A failed system call. */
class SystemError : public std::exception
{
      public:
	SystemError(int number, std::string call);
	const char *what() const noexcept override
	{
		return message_.c_str();
	}
	int number() const
	{
		return number_;
	}
	const std::string &call() const
	{
		return call_;
	}

      private:
	int number_;
	std::string call_;
	std::string message_;
};

/** An argument that breaks the contract; becomes a TypeError. The message names the argument. */
class ArgumentError : public std::invalid_argument
{
      public:
	using std::invalid_argument::invalid_argument;
};

/** "EPERM" for 1; "E999" for a number without a name. Never null. */
std::string errnoName(int number);

/** Throws SystemError from errno when `result` is negative; returns it otherwise. */
int checked(int result, const char *call);

Napi::Error toNativeError(Napi::Env env, const SystemError &error);

/** Runs `body`; see the top of this file. */
template <class Body> auto guarded(Napi::Env env, Body &&body) -> decltype(body())
{
	try {
		return body();
	} catch (const Napi::Error &) {
		throw;
	} catch (const SystemError &error) {
		throw toNativeError(env, error);
	} catch (const ArgumentError &error) {
		throw Napi::TypeError::New(env, error.what());
	} catch (const std::bad_alloc &) {
		throw toNativeError(env, SystemError(ENOMEM, "malloc"));
	} catch (const std::system_error &error) { /* std::thread: no more threads */
		throw toNativeError(env, SystemError(error.code().value(), "pthread_create"));
	} catch (const std::exception &error) {
		throw Napi::Error::New(env, error.what());
	}
}
