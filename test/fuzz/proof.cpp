// Proofs that somebody hands in. What is behind the signature is reached, too: the manifest in the
// input is signed with a key of our own, and the whole sealed, before it is checked once more.
#include "davenport/vault/proof.hpp"

#include "davenport/base/json.hpp"
#include "davenport/base/sealed_text.hpp"
#include "fuzz/fuzzer.hpp"

namespace davenport::fuzz {
namespace {

const SigningKey& key() {
    static const SigningKey made = SigningKey::generate();
    return made;
}

json::string text_of(const std::string& text) {
    return json::string(text.data(), text.size());
}

// The object without what its end vouches for it with.
json::object open_end(json::object object) {
    for (const char* member : {"signature", "checksum"}) object.erase(member);
    return object;
}

std::string signed_anew(json::object proof) {
    if (auto manifest = parse_json_object(text_or(proof, "manifest")))
        proof["manifest"] = text_of(seal(open_end(std::move(*manifest)), key()));
    return seal(open_end(std::move(proof)));
}

void check(std::string_view text, bool may_hold) {
    const auto proven = vault::check_proof(text, {key().public_key()});
    require(!proven || may_hold, "nothing is proven without a signature");
    if (proven) {
        require(!proven->document.empty(), "a proof is about a document");
        return;
    }
    const ErrorCode code = proven.error().code;
    require(code == ErrorCode::corrupt || code == ErrorCode::unsupported,
            "what proves nothing is corrupt, or newer");
}

}  // namespace

void run(std::string_view input) {
    check(input, false);
    if (auto proof = parse_json_object(input)) check(signed_anew(std::move(*proof)), true);
}

}  // namespace davenport::fuzz
