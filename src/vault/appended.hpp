#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/vault.hpp"

namespace davenport::vault {

// One blob appended/<backup id>/<n>, n in ten digits, counting up:
//
//   offset size
//        0    8  "DAVENAPP"
//        8    4  length of the header text, at most 16 KiB
//       12       header text: a sealed JSON object {"format":"davenport-appended","version":1,
//                "name","length","at_ms","sha256","checksum"}
//                the attachment's bytes, to the end
//
// In an encrypted vault all of it stands in a sealed blob with a checksum (sealed_blob.hpp).
struct AppendedBlob {
    std::string blob;  // its name
    Appended attachment;
    std::string sha256;        // hex
    std::uint64_t offset = 0;  // of the bytes
};

std::string encode_appended_header(const Appended& attachment, std::string_view sha256_hex);
Result<AppendedBlob> read_appended_header(const blobs::BlobStore& store, const std::string& name,
                                          const Keys* keys);
// The bytes, checked against their hash.
Result<std::string> read_appended_bytes(const blobs::BlobStore& store, const AppendedBlob& blob,
                                        const Keys* keys);

}  // namespace davenport::vault
