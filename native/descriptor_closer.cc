#include "descriptor_closer.h"

#include <pthread.h>

#include <utility>

DescriptorCloser::DescriptorCloser()
{
	/* So that close() cannot fail for want of memory. */
	waiting_.reserve(kMaxWaiting);
	thread_ = std::thread([this] { run(); });
	pthread_setname_np(thread_.native_handle(), "detour-closer");
}

DescriptorCloser::~DescriptorCloser()
{
	{
		const std::lock_guard lock(mutex_);
		stopping_ = true;
	}
	changed_.notify_one();
	thread_.join();
}

void DescriptorCloser::close(UniqueFd fd)
{
	{
		const std::lock_guard lock(mutex_);
		/* Then it is closed as the parameter goes, by the caller. */
		if (waiting_.size() >= kMaxWaiting)
			return;
		waiting_.push_back(std::move(fd));
	}
	changed_.notify_one();
}

void DescriptorCloser::run()
{
	std::vector<UniqueFd> closing;
	closing.reserve(kMaxWaiting);
	std::unique_lock lock(mutex_);
	for (;;) {
		changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
		if (waiting_.empty())
			return;
		closing.swap(waiting_);
		lock.unlock();
		closing.clear();
		lock.lock();
	}
}
