#pragma once

#include "davenport/base/hash.hpp"
#include "davenport/base/result.hpp"
#include "davenport/crypto/aead.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

// A segment is: header, frames, index, attachment list, footer, without gaps between them. All
// integers are little-endian. docs/vault-format.md says the same at length.
//
// Header (32 bytes and the key field)
//   offset size
//        0    8  "DAVENSEG"
//        8    2  format version, 1
//       10    2  length of the header, key field included
//       12    4  flags: bit 0 = frames and ids are encrypted (AES-256-GCM), else 0
//       16    4  length of the key field: 0; with bit 0: 96
//       20   12  0
//       32       key field: id of the vault key and wrapped data key (keys.hpp)
//
// Index entry, one a frame (136 bytes and the ids)
//        0    4  length of the entry
//        4    4  flags: bit 0 = zstd, else the frame is stored as it is. The others are 0
//        8    8  offset of the frame in the blob
//       16    4  stored length
//       20    4  raw length
//       24    4  number of records
//       28    4  0
//       32   32  SHA-256 of the stored bytes
//       64   32  Merkle root over the encoded records
//       96    2  length of the first id; 0 when encrypted
//       98    2  length of the last id; 0 when encrypted
//      100    4  0
//      104   12  nonce of the frame: 1, 0, 0, 0 and the frame's number from 0 on; 0 without
//      116   16  tag of the frame; 0 without
//      132    4  0
//      136       first id, last id. Encrypted: 2 bytes length of the first id, first id, last id,
//                under the frame's nonce with 2 at its beginning; and the tag
//
// Frames and ids are bound to the header (as GCM's additional data). Hashes are over what is
// stored.
//
// Attachment list: SHA-256s of 32 bytes each, ascending, each once.
//
// Footer (208 bytes, the last of the blob: found by the blob's size alone)
//        0    8  number of records
//        8    8  of these, tombstones
//       16    8  raw bytes of all frames
//       24    8  number of frames
//       32    8  offset of the index
//       40    8  length of the index
//       48    8  offset of the attachment list
//       56    8  length of the attachment list
//       64   32  SHA-256 of the attachment list
//       96   64  0
//      160    2  format version, 1
//      162    2  length of the footer, 208
//      164    4  0
//      168   32  root
//      200    8  "DAVENEND"
//
// The root is the Merkle root over these leaves: the header; each index entry; the footer's first
// 168 bytes. So it binds every byte of the blob but itself, and itself is the blob's name.
inline constexpr std::uint16_t segment_version = 1;
inline constexpr std::size_t header_bytes = 32;
inline constexpr std::size_t max_header_bytes = header_bytes + 1024;
inline constexpr std::size_t entry_bytes = 136;
inline constexpr std::size_t footer_bytes = 208;
inline constexpr std::size_t footer_bound_bytes = 168;  // what the root binds of the footer

// Limits of what a reader allocates, and so of what a writer writes.
inline constexpr std::size_t max_index_bytes = 256 * 1024 * 1024;
inline constexpr std::size_t max_attachment_list_bytes = 512 * 1024 * 1024;

enum class Encryption { none, aes_256_gcm };

struct FrameEntry {
    bool compressed = false;
    std::uint64_t offset = 0;
    std::uint32_t stored_length = 0;
    std::uint32_t raw_length = 0;
    std::uint32_t records = 0;
    Sha256Digest stored_sha256{};
    Sha256Digest root{};
    std::string_view first_id, last_id;  // empty while they are encrypted
    crypto::Nonce nonce{};               // of an encrypted frame
    crypto::Tag tag{};
    std::string_view sealed_ids;  // encrypted ids and their tag
};

struct Footer {
    std::uint64_t records = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t raw_bytes = 0;
    std::uint64_t frames = 0;
    std::uint64_t index_offset = 0;
    std::uint64_t index_length = 0;
    std::uint64_t attachments_offset = 0;
    std::uint64_t attachments_length = 0;
    Sha256Digest attachments_sha256{};
    Sha256Digest root{};
};

std::string encode_header(std::string_view key_field = {});  // with one: encrypted
// The header's length, key field included, from its first 32 bytes; 0 if they can't be one.
std::size_t header_length(std::string_view bytes);
// `unsupported` for another version or flags.
Result<Encryption> decode_header(std::string_view bytes);
// The key field of an encrypted segment's header; else empty.
std::string_view key_field_of(std::string_view header);

// The length of the entry at the beginning of `index`; 0 if it can't be one.
std::size_t entry_length(std::string_view index);
void append_entry(std::string& index, const FrameEntry& entry);
// Decodes the entry at `position` and moves behind it; the ids are views into `index`.
Result<FrameEntry> decode_entry(std::string_view index, std::size_t& position,
                                Encryption encryption);

// The two ids as an encrypted entry holds them.
std::string seal_ids(crypto::Aead& aead, std::string_view header, std::uint64_t frame,
                     std::string_view first_id, std::string_view last_id);
// Fills the ids of `entry`, which then are views into `to`; it has room for them.
Result<> open_ids(crypto::Aead& aead, std::string_view header, std::uint64_t frame,
                  FrameEntry& entry, std::string& to);

std::string encode_footer(const Footer& footer);
// From the last 208 bytes of a blob of `blob_size` bytes. The parts are where they can be: in
// order, without gaps, within the limits.
Result<Footer> decode_footer(std::string_view bytes, std::uint64_t blob_size);

}  // namespace davenport::vault
