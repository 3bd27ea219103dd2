#include "text_scan.hpp"

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace davenport::backup_doc {
namespace {

// One bit for each of 64 bytes, the first byte's the lowest.
struct Block {
    std::uint64_t quotes = 0;
    std::uint64_t backslashes = 0;
    std::uint64_t opening = 0;
    std::uint64_t closing = 0;
};

#if defined(__SSE2__)

std::uint64_t bits_equal(const __m128i (&bytes)[4], char wanted) {
    const __m128i pattern = _mm_set1_epi8(wanted);
    std::uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) {
        const auto part =
            static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes[i], pattern)));
        bits |= static_cast<std::uint64_t>(part) << (16 * i);
    }
    return bits;
}

Block classify(const char* at) {
    __m128i bytes[4];
    for (int i = 0; i < 4; ++i)
        bytes[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * i));
    return {bits_equal(bytes, '"'), bits_equal(bytes, '\\'), bits_equal(bytes, '{'),
            bits_equal(bytes, '}')};
}

#else

Block classify(const char* at) {
    Block block;
    for (int i = 0; i < 64; ++i) {
        block.quotes |= static_cast<std::uint64_t>(at[i] == '"') << i;
        block.backslashes |= static_cast<std::uint64_t>(at[i] == '\\') << i;
        block.opening |= static_cast<std::uint64_t>(at[i] == '{') << i;
        block.closing |= static_cast<std::uint64_t>(at[i] == '}') << i;
    }
    return block;
}

#endif

// The bytes that a backslash stands before. `carry` tells whether the block's first byte is one,
// and then whether the next block's is.
std::uint64_t escaped_bytes(std::uint64_t backslashes, bool& carry) {
    std::uint64_t escaped = carry ? 1 : 0;
    carry = false;
    backslashes &= ~escaped;
    while (backslashes != 0) {
        const int i = std::countr_zero(backslashes);
        if (i == 63) {
            carry = true;
            break;
        }
        escaped |= std::uint64_t{2} << i;
        backslashes &= ~(std::uint64_t{3} << i);
    }
    return escaped;
}

// Every bit becomes the parity of the bits up to it: set from an opening quote to before its end.
std::uint64_t running_parity(std::uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

}  // namespace

const char* find_object_end(const char* begin, const char* end) {
    std::uint64_t depth = 0;
    std::uint64_t in_string = 0;  // all bits: the block begins inside a string
    bool escape_carry = false;
    for (const char* at = begin; at < end; at += 64) {
        Block block = classify(at);
        if (end - at < 64) {
            const std::uint64_t valid = (std::uint64_t{1} << (end - at)) - 1;
            block.quotes &= valid;
            block.backslashes &= valid;
            block.opening &= valid;
            block.closing &= valid;
        }
        if (block.backslashes != 0 || escape_carry)
            block.quotes &= ~escaped_bytes(block.backslashes, escape_carry);
        const std::uint64_t strings = running_parity(block.quotes) ^ in_string;
        in_string = std::uint64_t{0} - (strings >> 63);

        std::uint64_t braces = (block.opening | block.closing) & ~strings;
        for (; braces != 0; braces &= braces - 1) {
            const std::uint64_t lowest = braces & (~braces + 1);
            if ((block.opening & lowest) != 0) {
                ++depth;
            } else if (--depth == 0) {
                return at + std::countr_zero(braces) + 1;
            }
        }
    }
    return nullptr;
}

const char* find_string_special(const char* begin, const char* end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; end - begin >= 16; begin += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
        // Signed: bytes from 0x80 on are negative and so below the space, like control characters.
        const __m128i special = _mm_or_si128(
            _mm_cmplt_epi8(bytes, space),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        const auto bits = static_cast<std::uint32_t>(_mm_movemask_epi8(special));
        if (bits != 0) return begin + std::countr_zero(bits);
    }
#endif
    for (; begin != end; ++begin) {
        const auto c = static_cast<unsigned char>(*begin);
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
    }
    return begin;
}

}  // namespace davenport::backup_doc
