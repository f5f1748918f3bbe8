#include "siphash.h"

#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "words are read in the order in which SipHash defines them");

namespace
{
struct State {
	uint64_t v0, v1, v2, v3;

	void rounds(int count)
	{
		for (; count > 0; count--) {
			v0 += v1;
			v1 = std::rotl(v1, 13) ^ v0;
			v0 = std::rotl(v0, 32);
			v2 += v3;
			v3 = std::rotl(v3, 16) ^ v2;
			v0 += v3;
			v3 = std::rotl(v3, 21) ^ v0;
			v2 += v1;
			v1 = std::rotl(v1, 17) ^ v2;
			v2 = std::rotl(v2, 32);
		}
	}
	void absorb(uint64_t word)
	{
		v3 ^= word;
		rounds(2);
		v0 ^= word;
	}
};

uint64_t readWord(const uint8_t *from, size_t size = sizeof(uint64_t))
{
	uint64_t word = 0;
	memcpy(&word, from, size);
	return word;
}
} // namespace

uint64_t sipHash24(const SipHashKey &key, const void *data, size_t size)
{
	const uint64_t key0 = readWord(key.data());
	const uint64_t key1 = readWord(key.data() + 8);
	State state{key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d, key0 ^ 0x6c7967656e657261,
		    key1 ^ 0x7465646279746573};
	const auto *bytes = static_cast<const uint8_t *>(data);
	const size_t whole = size / 8 * 8;
	for (size_t i = 0; i < whole; i += 8)
		state.absorb(readWord(bytes + i));
	/* The last block: what is left, and the length in its top byte. */
	state.absorb(readWord(bytes + whole, size - whole) | static_cast<uint64_t>(size) << 56);
	state.v2 ^= 0xff;
	state.rounds(4);
	return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
