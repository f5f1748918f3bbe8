#include "netns.h"

#include "errors.h"
#include "unique_fd.h"

#include <fcntl.h>
#include <sched.h>

#include <exception>
#include <thread>

void enterNetns(const std::string &path)
{
	if (path.empty())
		return;
	const UniqueFd file(checked(open(path.c_str(), O_RDONLY | O_CLOEXEC), ("open " + path).c_str()));
	checked(setns(file.get(), CLONE_NEWNET), ("setns " + path).c_str());
}

void withinNetns(const std::string &path, const std::function<void()> &body)
{
	if (path.empty()) {
		body();
		return;
	}
	std::exception_ptr failure;
	std::thread visitor([&] {
		try {
			enterNetns(path);
			body();
		} catch (...) {
			failure = std::current_exception();
		}
	});
	visitor.join();
	if (failure)
		std::rethrow_exception(failure);
}
