#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/key_ring.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// The keys of one vault, in three layers:
//
//   key ring   what people keep; wraps vault keys
//   vault key  an X25519 pair, one for each process that writes; its private half stands wrapped in
//              keys/<id>/<id in the ring>, once for each key of the ring
//   data key   one for each segment and attachment; wrapped for the vault key's public half, in the
//              object's own header, its "key field"
//
// Changing the ring rewraps vault keys; no segment is touched. Writing needs public halves alone:
// a process forgets a vault key's private half when it has wrapped it, and never trusts a public
// half that it finds in the vault, so that nobody can slip one in. Thread-safe.
class Keys {
  public:
    explicit Keys(blobs::BlobStore& store, KeyRing ring = {});

    bool encrypts() const { return ring_.encrypts(); }
    const KeyRing& ring() const { return ring_; }

    // Whether this object will have to open what it closes here, for as long as `forget` was not
    // called: a backup looks into segments that it has just written.
    enum class Memory { keep, forget };
    struct DataKey {
        crypto::Secret secret;
        std::string field;  // for the object's header
    };
    // A new data key. Its vault key is durable when this returns.
    Result<DataKey> make(Memory memory);
    // `locked` when the ring can't open the vault key, with the ids that could in the message;
    // `corrupt` when the vault key is missing or was changed.
    Result<crypto::Secret> open(std::string_view field) const;
    // Writes the vault key that `make` used once more if somebody has removed it. To be called
    // after an object with a new data key is in its place.
    Result<> keep_stored();
    void forget();

    // Nothing the ring can't open, unless it only closes. `locked` names the missing keys.
    Result<> check() const;

    struct VaultKey {
        std::string id;                      // 32 hex digits
        std::vector<std::string> opened_by;  // ids of the ring's keys, sorted
        std::int64_t modified_ms = 0;        // of its newest blob
    };
    Result<std::vector<VaultKey>> list() const;

    // Wraps every vault key for exactly the ring's closing keys. Each is first written and read
    // again for all of them, before what is too much is removed; so it may end anywhere. `locked`,
    // with nothing changed, when some vault key can't be opened. How many were changed.
    Result<std::uint64_t> rotate();

    // What is wrong with the blobs of keys: name -> what.
    Result<std::map<std::string, std::string>> verify() const;

  private:
    Result<crypto::Identity> open_vault_key(const std::string& id) const;
    Result<crypto::Identity> read(const std::string& blob, std::string_view id,
                                  std::string_view opener) const;
    Result<> store_current();
    Result<bool> rewrap(const VaultKey& key);

    blobs::BlobStore& store_;
    const KeyRing ring_;
    mutable std::mutex mutex_;
    struct Current {
        std::string id;
        crypto::PublicKey public_key;
        std::map<std::string, std::string> blobs;  // name -> text
        bool stored = false;                       // all of them, once
    };
    std::optional<Current> current_;
    mutable std::map<std::string, crypto::Identity> opened_;         // by vault key
    std::map<std::string, crypto::Secret, std::less<>> remembered_;  // by key field
};

inline constexpr std::size_t key_field_bytes = 16 + 80;

// The id of the vault key in a key field.
std::string vault_key_id(std::string_view field);

}  // namespace davenport::vault
