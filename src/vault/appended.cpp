#include "appended.hpp"

#include "byte_order.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "sealed_blob.hpp"
#include "vault_impl.hpp"

#include <charconv>

namespace davenport::vault {
namespace {

constexpr std::string_view magic = "DAVENAPP";
constexpr std::string_view format = "davenport-appended";
constexpr std::size_t fixed_bytes = 12;
constexpr std::uint32_t max_header_text_bytes = 16 * 1024;
constexpr std::size_t max_name_bytes = 1024;
constexpr std::uint64_t max_bytes = 64 * 1024 * 1024;
constexpr int max_attempts = 1000;
constexpr unsigned max_number = 999'999'999;

Result<std::string> prefix_of(std::string_view backup_id) {
    std::string prefix = fmt::format("appended/{}/", backup_id);
    if (backup_id.find('/') != std::string_view::npos || !blobs::check_name(prefix + "0000000000"))
        return fail(ErrorCode::invalid_argument, "'{}' can't be the id of a backup", backup_id);
    return prefix;
}

// The n of a blob's name; 0 if it has none.
unsigned number_of(std::string_view name) {
    const std::string_view digits = name.substr(name.rfind('/') + 1);
    unsigned number = 0;
    const auto end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number);
    return parsed.ec == std::errc() && parsed.ptr == end && number <= max_number ? number : 0;
}

Result<Appended> attachment_from(const json::object& object, std::string& sha256_hex) {
    Appended attachment;
    DAVENPORT_ASSIGN(attachment.name, need_text(object, "name"));
    DAVENPORT_ASSIGN(attachment.length, need_count(object, "length"));
    DAVENPORT_ASSIGN(attachment.at_ms, need_integer(object, "at_ms"));
    DAVENPORT_ASSIGN(sha256_hex, need_sha256(object, "sha256"));
    return attachment;
}

Result<AppendedBlob> decode_appended_header(const blobs::BlobReader& blob) {
    std::string bytes;
    if (blob.size() < fixed_bytes) return fail(ErrorCode::corrupt, "it is too short");
    DAVENPORT_TRY(blob.read(0, fixed_bytes, bytes));
    if (!bytes.starts_with(magic)) return fail(ErrorCode::corrupt, "it has no header");
    const auto length = load<std::uint32_t>(bytes.data() + 8);
    if (length > max_header_text_bytes || length > blob.size() - fixed_bytes)
        return fail(ErrorCode::corrupt, "its header has an impossible length");
    DAVENPORT_TRY(blob.read(fixed_bytes, length, bytes));
    DAVENPORT_ASSIGN(const json::object object, unseal(bytes, format));
    AppendedBlob appended;
    DAVENPORT_ASSIGN(appended.attachment, attachment_from(object, appended.sha256));
    appended.offset = fixed_bytes + length;
    if (appended.attachment.length > max_bytes ||
        appended.attachment.length != blob.size() - appended.offset)
        return fail(ErrorCode::corrupt, "it has another length than its header says");
    return appended;
}

// The newest blob of each name, by name.
Result<std::map<std::string, AppendedBlob>> newest_of_each(const blobs::BlobStore& store,
                                                           std::string_view backup_id,
                                                           const Keys& keys) {
    DAVENPORT_ASSIGN(const std::string prefix, prefix_of(backup_id));
    std::map<std::string, AppendedBlob> newest;
    DAVENPORT_ASSIGN(const auto blobs, store.list(prefix));
    for (const blobs::BlobInfo& blob : blobs) {
        auto header = read_appended_header(store, blob.name, &keys);
        if (!header && header.error().code == ErrorCode::not_found) continue;  // just removed
        if (!header) return fail(std::move(header).error());
        std::string name = header->attachment.name;
        newest.insert_or_assign(std::move(name), std::move(*header));
    }
    return newest;
}

}  // namespace

std::string encode_appended_header(const Appended& attachment, std::string_view sha256_hex) {
    json::object object = sealed_object(format);
    object["name"] = json::string(attachment.name.data(), attachment.name.size());
    object["length"] = attachment.length;
    object["at_ms"] = attachment.at_ms;
    object["sha256"] = json::string(sha256_hex.data(), sha256_hex.size());
    const std::string text = seal(object);
    std::string header(magic);
    append_integer(header, static_cast<std::uint32_t>(text.size()));
    return header + text;
}

Result<AppendedBlob> read_appended_header(const blobs::BlobStore& store, const std::string& name,
                                          const Keys* keys) {
    DAVENPORT_ASSIGN(auto stored, store.open(name));
    const auto blob = open_blob(std::move(stored), keys);
    auto appended =
        blob ? decode_appended_header(**blob) : Result<AppendedBlob>(fail(blob.error()));
    if (!appended) {
        Error error = std::move(appended).error();
        error.message = fmt::format("{}: {}", name, error.message);
        return fail(std::move(error));
    }
    appended->blob = name;
    return appended;
}

Result<std::string> read_appended_bytes(const blobs::BlobStore& store, const AppendedBlob& appended,
                                        const Keys* keys) {
    DAVENPORT_ASSIGN(auto stored, store.open(appended.blob));
    DAVENPORT_ASSIGN(const auto blob, open_blob(std::move(stored), keys));
    std::string bytes;
    DAVENPORT_TRY(
        blob->read(appended.offset, static_cast<std::size_t>(appended.attachment.length), bytes));
    if (to_hex(as_bytes(sha256(bytes))) != appended.sha256)
        return fail(ErrorCode::corrupt, "{}: its bytes were changed", appended.blob);
    return bytes;
}

Result<> Vault::append_attachment(std::string_view backup_id, std::string_view name,
                                  std::string_view bytes) {
    if (name.empty() || name.size() > max_name_bytes ||
        find_invalid_utf8(name) != std::string_view::npos)
        return fail(ErrorCode::invalid_argument, "an attachment's name has 1 to {} bytes of UTF-8",
                    max_name_bytes);
    if (bytes.size() > max_bytes)
        return fail(ErrorCode::too_large, "an attachment of {} bytes, the limit is {}",
                    bytes.size(), max_bytes);
    DAVENPORT_ASSIGN(const std::string prefix, prefix_of(backup_id));
    const std::shared_lock appending(impl_->appending);
    blobs::BlobStore& store = *impl_->store;
    std::string content = encode_appended_header(
        {std::string(name), bytes.size(), impl_->clock.now_ms()}, to_hex(as_bytes(sha256(bytes))));
    content += bytes;
    if (impl_->keys.encrypts()) {
        DAVENPORT_ASSIGN(Keys::DataKey key, impl_->keys.make(Keys::Memory::forget));
        content = seal_bytes(key, content, Ending::checksum);
    }
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        DAVENPORT_ASSIGN(const auto blobs, store.list(prefix));
        const unsigned number = blobs.empty() ? 1 : number_of(blobs.back().name) + 1;
        if (number > max_number)
            return fail(ErrorCode::too_many, "too many attachments on the backup '{}'", backup_id);
        DAVENPORT_ASSIGN(const auto writer, store.create());
        DAVENPORT_TRY(writer->append(content));
        auto committed = writer->commit(fmt::format("{}{:010}", prefix, number));
        // Two came at once: the other one has the number, so this one counts as the later.
        if (!committed && committed.error().code == ErrorCode::already_exists) continue;
        DAVENPORT_TRY(committed);
        return impl_->keys.keep_stored();
    }
    return fail(ErrorCode::unavailable, "too many attachments are being appended at once");
}

Result<std::vector<Appended>> Vault::appended(std::string_view backup_id) const {
    DAVENPORT_ASSIGN(auto newest, newest_of_each(*impl_->store, backup_id, impl_->keys));
    std::vector<Appended> attachments;
    for (auto& [name, blob] : newest) attachments.push_back(std::move(blob.attachment));
    return attachments;
}

Result<std::string> Vault::appended_bytes(std::string_view backup_id, std::string_view name) const {
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        DAVENPORT_ASSIGN(const auto newest, newest_of_each(*impl_->store, backup_id, impl_->keys));
        const auto found = newest.find(std::string(name));
        if (found == newest.end()) break;
        auto bytes = read_appended_bytes(*impl_->store, found->second, &impl_->keys);
        // Replaced and collected since it was listed: look again.
        if (!bytes && bytes.error().code == ErrorCode::not_found) continue;
        return bytes;
    }
    return fail(ErrorCode::not_found, "the backup '{}' has no attachment '{}'", backup_id, name);
}

}  // namespace davenport::vault
