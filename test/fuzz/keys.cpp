// Keys as people write them down, and sealed blobs whose keys are not here. The same bytes are
// taken for each of them.
#include "davenport/vault/key_ring.hpp"
#include "fuzz/fuzzer.hpp"
#include "vault/sealed_blob.hpp"

namespace davenport::fuzz {
namespace {

template <class Key>
void round_trip(const Result<Key>& key, Result<Key> (*parse)(std::string_view)) {
    if (!key) {
        require(key.error().code == ErrorCode::invalid_argument, "the fault is the input's");
        return;
    }
    const std::string text = vault::to_text(*key);
    const auto again = parse(text);
    require(again && vault::to_text(*again) == text, "a key that was written down is that key");
}

}  // namespace

void run(std::string_view input) {
    round_trip(vault::parse_master_key(input), vault::parse_master_key);
    round_trip(vault::parse_recipient(input), vault::parse_recipient);
    (void)vault::parse_identities(input);

    const auto bytes = vault::unseal_bytes(std::string(input), nullptr);
    if (bytes && !vault::begins_sealed(input))
        require(*bytes == input, "what is not sealed is given as it is");
    if (!bytes) {
        const ErrorCode code = bytes.error().code;
        require(code == ErrorCode::corrupt || code == ErrorCode::locked ||
                    code == ErrorCode::unsupported,
                "what can't be opened is corrupt, locked, or newer");
    }
}

}  // namespace davenport::fuzz
