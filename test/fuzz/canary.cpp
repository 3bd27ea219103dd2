// Fails on purpose, one flipped bit away from its seed: a search that misses it would miss others.
#include "fuzz/fuzzer.hpp"

namespace davenport::fuzz {

void run(std::string_view input) {
    if (input.size() > 3 && input.substr(0, 3) == "tw!")
        require(input[3] != 't', "the canary sings");
}

}  // namespace davenport::fuzz
