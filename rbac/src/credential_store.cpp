#include "credential_store.hpp"

#include "davenport/documents/records.hpp"

#include <algorithm>
#include <array>

namespace davenport::rbac {
namespace {

constexpr std::int64_t fresh_ms = 1000;
constexpr std::size_t max_cached = 4096;
constexpr std::uint64_t page = 500;
constexpr int max_pages = 1000;

constexpr std::string_view by_creation = "credentials_by_creation";
constexpr std::string_view by_owner = "credentials_by_owner";
constexpr std::string_view by_expiry = "credentials_by_expiry";

documents::Query owned_by(Identity::Kind kind, std::string_view owner) {
    documents::Query query;
    query.index = by_owner;
    query.equals = {documents::query_text(type_of(kind)), documents::query_text(owner)};
    query.limit = page;
    return query;
}

}  // namespace

CredentialStore::CredentialStore(std::shared_ptr<documents::Database> control, const Clock& clock)
    : control_(std::move(control)), clock_(clock) {}

Result<> CredentialStore::prepare() {
    const std::array<std::string, 2> creation{"type", "created_ms"};
    const std::array<std::string, 2> owner{"type", "owner"};
    const std::array<std::string, 2> expiry{"type", "expires_ms"};
    DAVENPORT_TRY(control_->ensure_index(by_creation, creation));
    DAVENPORT_TRY(control_->ensure_index(by_owner, owner));
    DAVENPORT_TRY(control_->ensure_index(by_expiry, expiry));
    return {};
}

Result<> CredentialStore::create(const Credential& credential) {
    DAVENPORT_TRY(documents::retry_transient([&] {
        return documents::write_record(*control_, document_id(credential.kind, credential.id),
                                       to_body(credential), {});
    }));
    return {};
}

Result<CredentialStore::Found> CredentialStore::find(Identity::Kind kind, std::string_view id) {
    const std::string key = document_id(kind, id);
    // The time before reading, so that the copy is never taken for younger than it is.
    const std::int64_t now = clock_.now_ms();
    {
        const std::lock_guard lock(mutex_);
        const auto found = cache_.find(key);
        if (found != cache_.end() && now >= found->second.read_ms &&
            now - found->second.read_ms < fresh_ms)
            return found->second.credential;
    }
    DAVENPORT_ASSIGN(Found credential, load(kind, id));
    const std::lock_guard lock(mutex_);
    if (!credential) {
        cache_.erase(key);
        return credential;
    }
    if (cache_.size() >= max_cached) {
        std::erase_if(cache_, [&](const auto& entry) {
            return now < entry.second.read_ms || now - entry.second.read_ms >= fresh_ms;
        });
        if (cache_.size() >= max_cached) cache_.clear();
    }
    cache_[key] = {credential, now};
    return credential;
}

Result<CredentialStore::Found> CredentialStore::load(Identity::Kind kind, std::string_view id) {
    auto record = documents::read_record(*control_, document_id(kind, id));
    if (!record) {
        if (record.error().code == ErrorCode::not_found) return Found();
        return fail(std::move(record).error());
    }
    DAVENPORT_ASSIGN(Credential credential, from_body(kind, record->body));
    if (credential.id != id)
        return fail(ErrorCode::corrupt, "a stored credential has another's id: {}", credential.id);
    if (kind != Identity::Kind::api_key) {
        // Not from the cache: its second would be added to that of this credential.
        DAVENPORT_ASSIGN(const Found key, load(Identity::Kind::api_key, credential.owner));
        if (!key) return Found();
        std::erase_if(credential.roles, [&](const std::string& role) {
            return std::find(key->roles.begin(), key->roles.end(), role) == key->roles.end();
        });
    }
    return std::make_shared<const Credential>(std::move(credential));
}

Result<> CredentialStore::remove(Identity::Kind kind, std::string_view id) {
    const std::string key = document_id(kind, id);
    DAVENPORT_ASSIGN(const auto record, documents::read_record(*control_, key));
    auto removed = documents::remove_record(*control_, key, record.revision);
    // Also what hangs on it; and a copy that another thread is just reading lives for a second.
    forget_all();
    // These documents never change: a conflict means that somebody else removed it.
    if (!removed && removed.error().code == ErrorCode::conflict)
        return fail(ErrorCode::not_found, "{} is removed already", key);
    return removed;
}

void CredentialStore::forget_all() {
    const std::lock_guard lock(mutex_);
    cache_.clear();
}

Result<std::vector<Credential>> CredentialStore::keys() {
    std::vector<Credential> keys;
    documents::Query query;
    query.index = by_creation;
    query.equals = {documents::query_text(type_of(Identity::Kind::api_key))};
    query.limit = page;
    for (int i = 0; i < max_pages; ++i) {
        DAVENPORT_ASSIGN(const auto found, control_->find(query));
        for (const auto& document : found) {
            DAVENPORT_ASSIGN(const auto record, documents::to_record(document));
            DAVENPORT_ASSIGN(auto key, from_body(Identity::Kind::api_key, record.body));
            keys.push_back(std::move(key));
        }
        if (found.size() < page) return keys;
        query.skip += page;
    }
    return fail(ErrorCode::too_large, "there are more than {} keys", max_pages * page);
}

Result<std::uint64_t> CredentialStore::count_of(Identity::Kind kind, std::string_view owner) {
    return control_->count(owned_by(kind, owner));
}

Result<> CredentialStore::remove_of(Identity::Kind kind, std::string_view owner) {
    return remove_all(kind, owned_by(kind, owner));
}

Result<> CredentialStore::remove_expired(Identity::Kind kind, std::int64_t now_ms) {
    documents::Query query;
    query.index = by_expiry;
    query.equals = {documents::query_text(type_of(kind))};
    query.to = std::to_string(now_ms);
    query.limit = page;
    return remove_all(kind, query);
}

Result<> CredentialStore::remove_all(Identity::Kind kind, const documents::Query& query) {
    for (int i = 0; i < max_pages; ++i) {
        DAVENPORT_ASSIGN(const auto found, control_->find(query));
        for (const auto& document : found) {
            DAVENPORT_ASSIGN(const auto record, documents::to_record(document));
            auto removed = remove(kind, text_or(record.body, "id"));
            if (!removed && removed.error().code != ErrorCode::not_found) return removed;
        }
        if (found.size() < page) return {};
    }
    return {};
}

}  // namespace davenport::rbac
