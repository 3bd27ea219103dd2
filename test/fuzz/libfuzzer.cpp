// The entry that libFuzzer calls.
#include "fuzz/fuzzer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // libFuzzer's buffer may go on behind `size`; a copy of its own does not, so that reading past
    // the end is seen.
    const std::unique_ptr<char[]> copy(new char[size]);
    std::copy_n(data, size, copy.get());
    davenport::fuzz::run({copy.get(), size});
    return 0;
}
