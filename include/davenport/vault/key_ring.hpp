#pragma once

#include "davenport/crypto/wrapping.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// The keys that a person keeps: what the configuration names. They encrypt a vault's own keys and
// nothing else (keys.hpp).
//
// Two kinds: a master key opens what it closes. A recipient's public key only closes; the identity,
// its private half, opens. Each has an id, "master-…" or "x25519-…", which tells keys apart and
// tells nothing about them.
class KeyRing {
  public:
    // What new keys are closed for. Either kind switches encryption on.
    void use_master(const crypto::Secret& key);
    void use_recipient(const crypto::PublicKey& recipient);
    // What only opens.
    void add_old_master(crypto::Secret key);
    void add_identity(crypto::Identity identity);

    bool encrypts() const { return !closing_.empty(); }
    // Nothing here opens anything: the mode in which a machine can't read its own backups.
    bool only_closes() const { return encrypts() && masters_.empty() && identities_.empty(); }
    bool opens(std::string_view id) const;
    std::vector<std::string> closing_ids() const;

    // The key, wrapped for everyone it is to be closed for: id -> bytes.
    Result<std::map<std::string, std::string>> wrap(const crypto::Secret& secret) const;
    // `locked` when the ring has no such key.
    Result<crypto::Secret> unwrap(std::string_view id, std::string_view wrapped) const;

  private:
    struct Closing {
        std::string id;
        crypto::PublicKey recipient;  // unless it is a master key
    };
    std::vector<Closing> closing_;
    std::map<std::string, crypto::Secret, std::less<>> masters_;
    std::map<std::string, crypto::Identity, std::less<>> identities_;
};

// How keys are written down. A master key: 32 bytes in base64. A recipient and an identity: the
// same behind "davenport-recipient:" and "davenport-identity:". Around a key, white space and lines
// that begin with '#' are passed over. invalid_argument never repeats what it read.
std::string to_text(const crypto::Secret& master_key);
std::string to_text(const crypto::PublicKey& recipient);
std::string to_text(const crypto::Identity& identity);
Result<crypto::Secret> parse_master_key(std::string_view text);
Result<crypto::PublicKey> parse_recipient(std::string_view text);
Result<std::vector<crypto::Identity>> parse_identities(std::string_view text);  // one a line

std::string key_id(const crypto::Secret& master_key);
std::string key_id(const crypto::PublicKey& recipient);

}  // namespace davenport::vault
