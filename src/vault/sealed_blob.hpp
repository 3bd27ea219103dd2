#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/crypto/aead.hpp"
#include "davenport/vault/keys.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace davenport::vault {

// Bytes of any length, encrypted in chunks, so that they can be written in one pass and read by
// range: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) on AES-256-GCM, with a
// counter and a mark of the last chunk in the nonce.
//
//   offset size
//        0   16  signature (see sealed_blob.cpp)
//       16    2  format version, 1
//       18    2  length of the header, key field included
//       20    4  flags: bit 0 = encrypted, else the bytes follow as they are;
//                bit 1 = the blob ends with the SHA-256 of all bytes before it
//       24    4  bytes in a chunk, 65,536
//       28    4  0
//       32       key field; empty when not encrypted
//                chunks: each 65,536 bytes, the last one 0 to 65,536, and a tag of 16 bytes behind
//
// Plain blobs begin in another way: should a user's own bytes begin with the signature, they are
// stored in this form, not encrypted.
inline constexpr std::size_t sealed_header_bytes = 32;
inline constexpr std::size_t max_sealed_header_bytes = sealed_header_bytes + key_field_bytes;

bool begins_sealed(std::string_view bytes);
// How many bytes `begins_sealed` needs.
inline constexpr std::size_t sealed_signature_bytes = 16;

enum class Ending { none, checksum };

// Turns a stream into the bytes to store. Not thread-safe.
class BlobSealer {
  public:
    explicit BlobSealer(const Keys::DataKey& key, Ending ending = Ending::none);  // encrypts
    static BlobSealer plain();
    // Appends to `out` what can be stored by now.
    void add(std::string_view bytes, std::string& out);
    void finish(std::string& out);  // call once, last

  private:
    BlobSealer(std::uint32_t flags, std::string_view field);
    void seal_chunk(std::string_view chunk, bool last, std::string& out);

    std::string header_;
    bool started_ = false;
    const Ending ending_;
    std::optional<crypto::Aead> aead_;
    std::string waiting_;  // less than a chunk, or one that may be the last
    std::uint64_t chunks_ = 0;
};

std::string seal_bytes(const Keys::DataKey& key, std::string_view bytes,
                       Ending ending = Ending::none);

// What a blob holds, in the clear: the reader itself when it is not sealed. `locked` and `corrupt`
// when it can't be opened; ranges that were changed are `corrupt`. `keys` may be null.
Result<std::unique_ptr<blobs::BlobReader>> open_blob(std::unique_ptr<blobs::BlobReader> blob,
                                                     const Keys* keys);
// Of bytes in memory.
Result<std::string> unseal_bytes(std::string bytes, const Keys* keys);

// What of a sealed blob can be checked without keys: its header and, if it has one, its checksum.
Result<> check_sealed(const blobs::BlobReader& blob);

// The key field in the header of a sealed blob; empty when there is none.
std::string_view key_field_of_sealed(std::string_view beginning);

}  // namespace davenport::vault
