// Attachments appended to a backup. Inputs are a blob; or, as a first line, the JSON of its header
// without the checksum, and then the bytes.
#include "davenport/vault/vault.hpp"
#include "fuzz/fuzzer.hpp"
#include "fuzz/sealed.hpp"
#include "vault/byte_order.hpp"

namespace davenport::fuzz {
namespace {

void read(std::string_view blob) {
    static const SystemClock clock;
    auto store = blobs::make_memory();
    require(blobs::write_all(*store, "appended/one/0000000001", blob).has_value(), "it is stored");
    const auto vault = vault::Vault::open(std::move(store), clock);
    require(vault.has_value(), "a vault opens whatever its blobs hold");
    const auto found = (*vault)->appended("one");
    if (!found) {
        const ErrorCode code = found.error().code;
        require(code == ErrorCode::corrupt || code == ErrorCode::unsupported,
                "what can't be read is corrupt, or newer");
        return;
    }
    require(found->size() == 1, "one blob is one attachment");
    const vault::Appended& attachment = found->front();
    const auto bytes = (*vault)->appended_bytes("one", attachment.name);
    if (bytes)
        require(bytes->size() == attachment.length && blob.ends_with(*bytes),
                "what is given is what was stored");
    else
        require(bytes.error().code == ErrorCode::corrupt, "changed bytes are never given");
}

std::string build(std::string_view header, std::string_view bytes) {
    const std::string text = sealed(header);
    std::string blob = "DAVENAPP";
    vault::append_integer(blob, static_cast<std::uint32_t>(text.size()));
    return blob + text + std::string(bytes);
}

}  // namespace

void run(std::string_view input) {
    read(input);
    const std::string_view header = take_line(input);
    read(build(header, input));
}

}  // namespace davenport::fuzz
