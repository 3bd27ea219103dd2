// The texts of the vault: manifests, notes of removed backups, notes of compactions. Inputs are
// their JSON without the checksum.
#include "davenport/vault/manifest.hpp"
#include "fuzz/fuzzer.hpp"
#include "fuzz/sealed.hpp"
#include "vault/notes.hpp"

namespace davenport::fuzz {
namespace {

template <class Decoded>
void read(std::string_view text, Result<Decoded> (*decode)(std::string_view)) {
    const auto decoded = decode(text);
    if (!decoded) {
        const ErrorCode code = decoded.error().code;
        require(code == ErrorCode::corrupt || code == ErrorCode::unsupported,
                "what can't be read is corrupt, or newer");
        return;
    }
    const std::string again = encode(*decoded);
    const auto reread = decode(again);
    require(reread.has_value(), "what was written can be read");
    require(encode(*reread) == again, "writing it again changes nothing");
}

}  // namespace

void run(std::string_view input) {
    for (const std::string& text : {std::string(input), sealed(input)}) {
        read<vault::Manifest>(text, vault::decode_manifest);
        read<vault::RemovedNote>(text, vault::decode_removed_note);
        read<vault::CompactionNote>(text, vault::decode_compaction_note);
    }
}

}  // namespace davenport::fuzz
