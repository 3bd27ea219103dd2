#include "davenport/vault/keys.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::string_view format = "davenport-key";
constexpr std::string_view prefix = "keys/";
constexpr std::string_view data_key_label = "davenport data key 1";
constexpr std::uint64_t max_key_bytes = 64 * 1024;
constexpr std::size_t id_bytes = 16;
constexpr std::string_view where_keys_come_from =
    "see the settings encryption.key_file, old_key_files and identity_file";

std::string id_of(const crypto::PublicKey& key) {
    return to_hex(as_bytes(sha256(crypto::as_text(key))).substr(0, id_bytes));
}

json::string json_text(std::string_view text) {
    return json::string(text.data(), text.size());
}

std::string encode(std::string_view id, const crypto::PublicKey& public_key,
                   std::string_view opener, std::string_view wrapped) {
    json::object object = sealed_object(format);
    object["id"] = json_text(id);
    object["public"] = json_text(to_base64(crypto::as_text(public_key)));
    object["opened_by"] = json_text(opener);
    object["wrapped"] = json_text(to_base64(wrapped));
    return seal(object);
}

// The wrapped bytes; `corrupt` when the text is damaged or is that of another key.
Result<std::string> decode(std::string_view text, std::string_view id, std::string_view opener) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, format));
    DAVENPORT_ASSIGN(const std::string found_id, need_text(object, "id"));
    DAVENPORT_ASSIGN(const std::string found_opener, need_text(object, "opened_by"));
    if (found_id != id || found_opener != opener)
        return fail(ErrorCode::corrupt, "it is the key {} for {}", found_id, found_opener);
    DAVENPORT_ASSIGN(const std::string wrapped, need_text(object, "wrapped"));
    auto bytes = from_base64(wrapped);
    if (!bytes) return fail(ErrorCode::corrupt, "its 'wrapped' is not base64");
    return bytes;
}

std::string blob_name(std::string_view id, std::string_view opener) {
    return fmt::format("{}{}/{}", prefix, id, opener);
}

std::string joined(const std::set<std::string>& ids) {
    return fmt::format("{}", fmt::join(ids, ", "));
}

// Another process may write the same blob, or has.
Result<> write_once(blobs::BlobStore& store, const std::string& name, const std::string& text) {
    auto written = blobs::write_all(store, name, text);
    if (!written && written.error().code == ErrorCode::already_exists) return {};
    return written;
}

}  // namespace

std::string vault_key_id(std::string_view field) {
    return to_hex(field.substr(0, id_bytes));
}

Keys::Keys(blobs::BlobStore& store, KeyRing ring) : store_(store), ring_(std::move(ring)) {}

Result<Keys::DataKey> Keys::make(Memory memory) {
    const std::lock_guard lock(mutex_);
    if (!encrypts()) return fail(ErrorCode::internal, "there is no key to encrypt with");
    if (!current_) {
        const crypto::Identity made = crypto::Identity::generate();
        Current current{id_of(made.public_key()), made.public_key(), {}, false};
        DAVENPORT_ASSIGN(const auto wrapped, ring_.wrap(made.secret()));
        for (const auto& [opener, bytes] : wrapped)
            current.blobs[blob_name(current.id, opener)] =
                encode(current.id, made.public_key(), opener, bytes);
        current_ = std::move(current);
    }
    DAVENPORT_TRY(store_current());
    DataKey key{crypto::Secret::random(), {}};
    DAVENPORT_ASSIGN(const std::string wrapped,
                     crypto::wrap_for(current_->public_key, key.secret, data_key_label));
    DAVENPORT_ASSIGN(key.field, from_hex(current_->id));
    key.field += wrapped;
    if (memory == Memory::keep) remembered_.emplace(key.field, key.secret);
    return key;
}

// Later it may be wrapped for others, which is as good.
Result<> Keys::store_current() {
    if (current_->stored) {
        DAVENPORT_ASSIGN(const auto there, store_.list(fmt::format("{}{}/", prefix, current_->id)));
        if (!there.empty()) return {};
    }
    current_->stored = false;
    for (const auto& [name, text] : current_->blobs) DAVENPORT_TRY(write_once(store_, name, text));
    current_->stored = true;
    return {};
}

Result<> Keys::keep_stored() {
    const std::lock_guard lock(mutex_);
    return current_ ? store_current() : Result<>();
}

void Keys::forget() {
    const std::lock_guard lock(mutex_);
    remembered_.clear();
}

Result<crypto::Secret> Keys::open(std::string_view field) const {
    if (field.size() != key_field_bytes)
        return fail(ErrorCode::corrupt, "its wrapped key has a wrong length");
    const std::lock_guard lock(mutex_);
    if (const auto known = remembered_.find(field); known != remembered_.end())
        return known->second;
    DAVENPORT_ASSIGN(const crypto::Identity vault_key, open_vault_key(vault_key_id(field)));
    return crypto::unwrap(vault_key, field.substr(id_bytes), data_key_label);
}

Result<crypto::Identity> Keys::open_vault_key(const std::string& id) const {
    if (const auto known = opened_.find(id); known != opened_.end()) return known->second;
    const std::string folder = fmt::format("{}{}/", prefix, id);
    DAVENPORT_ASSIGN(const auto blobs, store_.list(folder));
    if (blobs.empty()) return fail(ErrorCode::corrupt, "its key {} is missing", folder);
    std::set<std::string> openers;
    std::optional<Error> error;
    for (const blobs::BlobInfo& blob : blobs) {
        const std::string opener = blob.name.substr(folder.size());
        openers.insert(opener);
        if (!ring_.opens(opener)) continue;
        auto key = read(blob.name, id, opener);
        if (key) {
            opened_.emplace(id, *key);
            return key;
        }
        error = std::move(key).error();
    }
    if (error) return fail(*error);
    return fail(ErrorCode::locked, "it is encrypted, and none of its keys is configured: {}",
                joined(openers));
}

Result<crypto::Identity> Keys::read(const std::string& blob, std::string_view id,
                                    std::string_view opener) const {
    const auto about = [&](Error error) {
        error.message = fmt::format("{}: {}", blob, error.message);
        return fail(std::move(error));
    };
    auto text = blobs::read_all(store_, blob, max_key_bytes);
    if (!text) return about(std::move(text).error());
    const auto wrapped = decode(*text, id, opener);
    if (!wrapped) return about(wrapped.error());
    const auto secret = ring_.unwrap(opener, *wrapped);
    if (!secret) return about(secret.error());
    crypto::Identity key(*secret);
    if (id_of(key.public_key()) != id)
        return about({ErrorCode::corrupt, "it holds another key than its name says", {}});
    return key;
}

Result<std::vector<Keys::VaultKey>> Keys::list() const {
    DAVENPORT_ASSIGN(const auto blobs, store_.list(prefix));
    std::vector<VaultKey> keys;
    for (const blobs::BlobInfo& blob : blobs) {
        const std::string_view rest = std::string_view(blob.name).substr(prefix.size());
        const std::size_t slash = rest.find('/');
        if (slash == std::string_view::npos) continue;  // not ours
        const std::string_view id = rest.substr(0, slash);
        if (keys.empty() || keys.back().id != id) keys.push_back({std::string(id), {}, 0});
        keys.back().opened_by.emplace_back(rest.substr(slash + 1));
        keys.back().modified_ms = std::max(keys.back().modified_ms, blob.modified_ms);
    }
    return keys;
}

Result<> Keys::check() const {
    if (ring_.only_closes()) return {};
    DAVENPORT_ASSIGN(const auto keys, list());
    std::set<std::string> wanted;
    for (const VaultKey& key : keys)
        if (std::none_of(key.opened_by.begin(), key.opened_by.end(),
                         [&](const std::string& id) { return ring_.opens(id); }))
            wanted.insert(key.opened_by.begin(), key.opened_by.end());
    if (wanted.empty()) return {};
    return fail(ErrorCode::locked,
                "the backups are encrypted with keys that are not configured: {} ({})",
                joined(wanted), where_keys_come_from);
}

Result<std::uint64_t> Keys::rotate() {
    if (!encrypts())
        return fail(ErrorCode::invalid_argument, "no key is configured to encrypt with");
    const std::lock_guard lock(mutex_);
    DAVENPORT_ASSIGN(const auto keys, list());
    for (const VaultKey& key : keys) {
        const auto opened = open_vault_key(key.id);
        if (opened) continue;
        Error error = opened.error();
        if (error.code == ErrorCode::locked)
            error.message = fmt::format(
                "the vault's key {}{} can't be rewrapped: it can be opened with {} alone, and none "
                "of these is configured ({})",
                prefix, key.id, fmt::join(key.opened_by, ", "), where_keys_come_from);
        return fail(std::move(error));
    }
    std::uint64_t changed = 0;
    for (const VaultKey& key : keys) {
        DAVENPORT_ASSIGN(const bool rewrapped, rewrap(key));
        changed += rewrapped ? 1 : 0;
    }
    current_.reset();  // what the old keys can open ends here
    return changed;
}

Result<bool> Keys::rewrap(const VaultKey& key) {
    const std::vector<std::string> wanted = ring_.closing_ids();
    if (key.opened_by == wanted) return false;
    DAVENPORT_ASSIGN(const crypto::Identity opened, open_vault_key(key.id));
    DAVENPORT_ASSIGN(const auto wrapped, ring_.wrap(opened.secret()));
    for (const auto& [opener, bytes] : wrapped) {
        const std::string name = blob_name(key.id, opener);
        DAVENPORT_TRY(write_once(store_, name, encode(key.id, opened.public_key(), opener, bytes)));
        DAVENPORT_ASSIGN(const std::string text, blobs::read_all(store_, name, max_key_bytes));
        DAVENPORT_TRY(decode(text, key.id, opener));
        if (ring_.opens(opener)) DAVENPORT_TRY(read(name, key.id, opener));
    }
    for (const std::string& opener : key.opened_by)
        if (!std::binary_search(wanted.begin(), wanted.end(), opener))
            DAVENPORT_TRY(store_.remove(blob_name(key.id, opener)));
    return true;
}

Result<std::map<std::string, std::string>> Keys::verify() const {
    DAVENPORT_ASSIGN(const auto keys, list());
    std::map<std::string, std::string> wrong;
    for (const VaultKey& key : keys)
        for (const std::string& opener : key.opened_by) {
            const std::string name = blob_name(key.id, opener);
            const auto text = blobs::read_all(store_, name, max_key_bytes);
            if (!text) {
                wrong[name] = text.error().message;
            } else if (const auto decoded = decode(*text, key.id, opener); !decoded) {
                wrong[name] = decoded.error().message;
            } else if (ring_.opens(opener)) {
                if (const auto opened = read(name, key.id, opener); !opened)
                    wrong[name] = opened.error().message;
            }
        }
    return wrong;
}

}  // namespace davenport::vault
