#pragma once

#include "davenport/base/result.hpp"
#include "davenport/vault/record.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::vault {

// One record inside a frame (docs/vault-format.md):
//
//   offset size
//        0    1  flags: bit 0 = tombstone; the others are 0
//        1    1  0
//        2    2  length of the id, 1 to 65,535
//        4    2  length of the revision
//        6    2  0
//        8    4  length of the body
//       12    4  length of the attachments' text
//       16    4  length of the extra text
//       20       id, revision, body, attachments, extra, one after the other
inline constexpr std::size_t record_header_bytes = 20;

// Of one encoded record, and so of one frame. CouchDB's own default for a document is 8 MB.
inline constexpr std::size_t max_record_bytes = 64 * 1024 * 1024;

// `too_large` over a limit, `internal` without an id.
Result<std::size_t> encoded_size(const Record& record);
// Appends the record, which encoded_size() accepted.
void append_record(std::string& frame, const Record& record, std::size_t size);
// Decodes the record at `position` and moves behind it. False: there is none, the bytes are
// damaged.
bool decode_record(std::string_view frame, std::size_t& position, Record& record);

}  // namespace davenport::vault
