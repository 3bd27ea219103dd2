#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

// What every fuzzer of this folder is: one function that takes any bytes and must come back. Below
// it stands either libFuzzer (scripts/dev fuzz) or replay.cpp (the test `fuzz.<name>`).
namespace davenport::fuzz {

// Defined once in each program. Aborts when a promise of the code under test is broken.
void run(std::string_view input);

// A promise, checked in every build.
inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// Cuts the first line off: fuzzers with several inputs take them as lines before the rest.
inline std::string_view take_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

}  // namespace davenport::fuzz
