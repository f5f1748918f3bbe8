/** Network namespaces, by the path of their file (/run/netns/x, /proc/PID/ns/net). */
#pragma once

#include <functional>
#include <string>

/** Moves the calling thread, for good, into the namespace; "" does nothing. Throws SystemError. */
void enterNetns(const std::string &path);

/**
 * Runs `body` in the namespace and returns afterwards; "" runs it at once. The main thread never changes its own
 * namespace (failing to come back would be a disaster): a short-lived thread goes there, and what `body` opens stays,
 * because descriptors belong to the process. Exceptions of `body` come out here.
 */
void withinNetns(const std::string &path, const std::function<void()> &body);
