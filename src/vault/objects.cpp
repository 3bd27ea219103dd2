#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;

Result<> check_hash(std::string_view sha256_hex) {
    if (sha256_hex.size() != 64 ||
        sha256_hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return fail(ErrorCode::invalid_argument, "an attachment's name is its SHA-256 in hex");
    return {};
}

// Whether the bytes are those that the name says.
Result<bool> is_sound(const blobs::BlobReader& blob, std::string_view sha256_hex) {
    Sha256 hash;
    std::string chunk;
    for (std::uint64_t at = 0; at < blob.size(); at += chunk.size()) {
        auto read = blob.read(
            at, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, blob.size() - at)),
            chunk);
        if (!read && read.error().code == ErrorCode::corrupt) return false;
        if (!read) return fail(std::move(read).error());
        if (chunk.empty()) return false;
        hash.update(chunk);
    }
    return to_hex(as_bytes(hash.finish())) == sha256_hex;
}

}  // namespace

std::string attachment_blob(std::string_view sha256_hex) {
    return fmt::format("attachments/{}", sha256_hex);
}

Result<std::unique_ptr<blobs::BlobReader>> Vault::attachment(std::string_view sha256_hex) const {
    DAVENPORT_TRY(check_hash(sha256_hex));
    return impl_->store->open(attachment_blob(sha256_hex));
}

Result<bool> Vault::has_attachment(std::string_view sha256_hex) const {
    auto blob = attachment(sha256_hex);
    if (blob) return true;
    if (blob.error().code == ErrorCode::not_found) return false;
    return fail(std::move(blob).error());
}

Result<Vault::StoredAttachment> Vault::put_attachment(
    const std::function<Result<std::size_t>(std::span<char>)>& source) {
    const std::shared_lock collection(impl_->collection);
    blobs::BlobStore& store = *impl_->store;
    DAVENPORT_ASSIGN(const auto writer, store.create());
    Sha256 hash;
    std::string chunk(chunk_bytes, '\0');
    while (true) {
        DAVENPORT_ASSIGN(const std::size_t got, source(std::span<char>(chunk)));
        if (got == 0) break;
        if (got > chunk.size())
            return fail(ErrorCode::internal, "an attachment's source gave more than it was asked");
        const std::string_view bytes(chunk.data(), got);
        hash.update(bytes);
        DAVENPORT_TRY(writer->append(bytes));
    }
    StoredAttachment stored{to_hex(as_bytes(hash.finish())), writer->size()};
    const std::string name = attachment_blob(stored.sha256);
    // Stored once; but what stands there may have been damaged since.
    auto existing = store.open(name);
    if (existing) {
        DAVENPORT_ASSIGN(const bool sound, is_sound(**existing, stored.sha256));
        if (sound) return stored;
        DAVENPORT_TRY(store.remove(name));
    } else if (existing.error().code != ErrorCode::not_found) {
        return fail(std::move(existing).error());
    }
    auto committed = writer->commit(name);
    // `already_exists`: somebody else stored the same bytes a moment ago.
    if (!committed && committed.error().code != ErrorCode::already_exists)
        return fail(std::move(committed).error());
    return stored;
}

Result<> check_attachment(const blobs::BlobStore& store, std::string_view sha256_hex,
                          std::uint64_t& bytes) {
    DAVENPORT_ASSIGN(const auto blob, store.open(attachment_blob(sha256_hex)));
    bytes += blob->size();
    DAVENPORT_ASSIGN(const bool sound, is_sound(*blob, sha256_hex));
    if (!sound) return fail(ErrorCode::corrupt, "its bytes are not those that its name says");
    return {};
}

}  // namespace davenport::vault
