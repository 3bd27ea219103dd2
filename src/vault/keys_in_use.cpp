#include "davenport/base/encoding.hpp"
#include "sealed_blob.hpp"
#include "segment_format.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::size_t beginning_bytes =
    std::max(header_bytes, sealed_header_bytes) + key_field_bytes;

Result<std::string> beginning_of(const blobs::BlobStore& store, const std::string& name) {
    std::string bytes;
    auto blob = store.open(name);
    if (!blob && blob.error().code == ErrorCode::not_found) return bytes;  // removed since
    if (!blob) return fail(std::move(blob).error());
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>((*blob)->size(), beginning_bytes));
    DAVENPORT_TRY((*blob)->read(0, length, bytes));
    return bytes;
}

void note(std::string_view field, std::set<std::string>& used) {
    if (!field.empty()) used.insert(vault_key_id(field));
}

}  // namespace

Result<> add_keys_of(const blobs::BlobStore& store, std::string_view prefix,
                     std::set<std::string>& used) {
    DAVENPORT_ASSIGN(const auto blobs, store.list(prefix));
    for (const blobs::BlobInfo& blob : blobs) {
        DAVENPORT_ASSIGN(const std::string beginning, beginning_of(store, blob.name));
        note(key_field_of(beginning), used);
        note(key_field_of_sealed(beginning), used);
    }
    return {};
}

Result<std::set<std::string>> keys_in_use(const blobs::BlobStore& store, const Chain& chain) {
    std::set<std::string> used;
    for (const std::string_view prefix : {"segments/", "attachments/", "appended/"})
        DAVENPORT_TRY(add_keys_of(store, prefix, used));
    for (const ChainNode& node : chain.nodes) {
        if (node.removed) continue;
        DAVENPORT_ASSIGN(const Manifest manifest, read_manifest(store, node.id));
        for (const DatabaseManifest& database : manifest.databases)
            if (const auto sealed = from_base64(database.sealed_security))
                note(key_field_of_sealed(*sealed), used);
    }
    return used;
}

}  // namespace davenport::vault
