#include "map_info.h"

#include "errors.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <climits>
#include <cstring>

bpf_map_info mapInfo(int mapFd)
{
	/* BPF_OBJ_GET_INFO_BY_FD answers for programs and links as well, in structures of their own. */
	char link[64];
	char target[64] = {};
	snprintf(link, sizeof(link), "/proc/self/fd/%d", mapFd);
	if (readlink(link, target, sizeof(target) - 1) < 0)
		throw SystemError(EBADF, "BPF_OBJ_GET_INFO_BY_FD");
	if (strcmp(target, "anon_inode:bpf-map") != 0)
		throw SystemError(EINVAL, "BPF_OBJ_GET_INFO_BY_FD (not a map)");
	bpf_map_info info{};
	__u32 size = sizeof(info);
	checked(bpf_obj_get_info_by_fd(mapFd, &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
	return info;
}

size_t valueStride(const bpf_map_info &info)
{
	switch (info.type) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: {
		const int cpus = libbpf_num_possible_cpus();
		if (cpus < 0)
			throw SystemError(-cpus, "libbpf_num_possible_cpus");
		return (static_cast<size_t>(info.value_size) + 7) / 8 * 8 * static_cast<size_t>(cpus);
	}
	default:
		return info.value_size;
	}
}
