/** BPF_PROG_TEST_RUN of an XDP program with one frame. */
#pragma once

#include <napi.h>

/** (programFd, frame, context | null, repeat) -> {verdict, frame, durationNs} */
Napi::Value programTestRun(const Napi::CallbackInfo &info);
