#include "davenport/vault/key_ring.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::vault {
namespace {

constexpr std::string_view label = "davenport vault key 1";
constexpr std::string_view recipient_prefix = "davenport-recipient:";
constexpr std::string_view identity_prefix = "davenport-identity:";

std::string short_id(std::string_view kind, std::string_view bytes) {
    return fmt::format("{}-{}", kind, to_hex(bytes.substr(0, 8)));
}

std::string_view trim(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = trim(text.substr(0, end));
        if (!line.empty() && line.front() != '#') lines.push_back(line);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

Result<crypto::Secret> from_text(std::string_view text, std::string_view prefix) {
    const auto bytes = text.starts_with(prefix) ? from_base64(text.substr(prefix.size()))
                                                : Result<std::string>(std::string());
    auto secret = crypto::Secret::from_bytes(bytes ? *bytes : std::string());
    if (!secret)
        return fail(ErrorCode::invalid_argument, "it is not \"{}\" and 32 bytes in base64", prefix);
    return secret;
}

}  // namespace

void KeyRing::use_master(const crypto::Secret& key) {
    closing_.push_back({key_id(key), {}});
    add_old_master(key);
}

void KeyRing::use_recipient(const crypto::PublicKey& recipient) {
    closing_.push_back({key_id(recipient), recipient});
}

void KeyRing::add_old_master(crypto::Secret key) {
    masters_.insert_or_assign(key_id(key), key);
}

void KeyRing::add_identity(crypto::Identity identity) {
    std::string id = key_id(identity.public_key());
    identities_.insert_or_assign(std::move(id), std::move(identity));
}

bool KeyRing::opens(std::string_view id) const {
    return masters_.contains(id) || identities_.contains(id);
}

std::vector<std::string> KeyRing::closing_ids() const {
    std::vector<std::string> ids;
    for (const Closing& closing : closing_) ids.push_back(closing.id);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

Result<std::map<std::string, std::string>> KeyRing::wrap(const crypto::Secret& secret) const {
    std::map<std::string, std::string> wrapped;
    for (const Closing& closing : closing_) {
        if (const auto master = masters_.find(closing.id); master != masters_.end()) {
            wrapped[closing.id] = crypto::wrap(master->second, secret, label);
        } else {
            DAVENPORT_ASSIGN(wrapped[closing.id],
                             crypto::wrap_for(closing.recipient, secret, label));
        }
    }
    return wrapped;
}

Result<crypto::Secret> KeyRing::unwrap(std::string_view id, std::string_view wrapped) const {
    if (const auto master = masters_.find(id); master != masters_.end())
        return crypto::unwrap(master->second, wrapped, label);
    if (const auto identity = identities_.find(id); identity != identities_.end())
        return crypto::unwrap(identity->second, wrapped, label);
    return fail(ErrorCode::locked, "the key {} is not here", id);
}

std::string to_text(const crypto::Secret& master_key) {
    return to_base64(master_key.bytes());
}

std::string to_text(const crypto::PublicKey& recipient) {
    return std::string(recipient_prefix) + to_base64(crypto::as_text(recipient));
}

std::string to_text(const crypto::Identity& identity) {
    return std::string(identity_prefix) + to_base64(identity.secret().bytes());
}

Result<crypto::Secret> parse_master_key(std::string_view text) {
    const auto lines = lines_of(text);
    for (const std::string_view line : lines) {
        if (line.starts_with(identity_prefix))
            return fail(ErrorCode::invalid_argument,
                        "this is an identity: use encryption.identity_file");
        if (line.starts_with(recipient_prefix))
            return fail(ErrorCode::invalid_argument,
                        "this is a recipient: use encryption.recipients");
    }
    if (lines.size() != 1)
        return fail(ErrorCode::invalid_argument, "it holds {} keys instead of one", lines.size());
    const auto bytes = from_base64(lines[0]);
    auto secret = crypto::Secret::from_bytes(bytes ? *bytes : std::string());
    if (!secret) return fail(ErrorCode::invalid_argument, "it is not 32 bytes in base64");
    return secret;
}

Result<crypto::PublicKey> parse_recipient(std::string_view text) {
    DAVENPORT_ASSIGN(const crypto::Secret bytes, from_text(trim(text), recipient_prefix));
    crypto::PublicKey key;
    std::memcpy(key.data(), bytes.bytes().data(), key.size());
    // A degenerate point is refused now, not at the next backup.
    DAVENPORT_TRY(crypto::wrap_for(key, crypto::Secret::random(), "check"));
    return key;
}

Result<std::vector<crypto::Identity>> parse_identities(std::string_view text) {
    std::vector<crypto::Identity> identities;
    for (const std::string_view line : lines_of(text)) {
        DAVENPORT_ASSIGN(const crypto::Secret secret, from_text(line, identity_prefix));
        identities.emplace_back(secret);
    }
    if (identities.empty()) return fail(ErrorCode::invalid_argument, "it holds no identity");
    return identities;
}

std::string key_id(const crypto::Secret& master_key) {
    return short_id("master", as_bytes(hmac_sha256(master_key.bytes(), "davenport key id 1")));
}

std::string key_id(const crypto::PublicKey& recipient) {
    return short_id("x25519", as_bytes(sha256(crypto::as_text(recipient))));
}

}  // namespace davenport::vault
