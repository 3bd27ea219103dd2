#pragma once

#include "davenport/documents/document_store.hpp"
#include "row_documents.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::chat {

// What stands under a claim's id.
struct ClaimState {
    std::uint64_t holder = 0;    // the row that holds it; 0 = none does
    std::string revision;        // of the claim's document; empty = there is none
    std::uint64_t intended = 0;  // without a holder: the row it was taken for
    std::int64_t taken = 0;      // when, Unix seconds
    json::object row;            // the holder's body
};

// A claim counts only when its row exists and has what is claimed: what a crash, or a restore of
// some documents without others, leaves behind holds nobody up.
Result<ClaimState> read_claim(documents::Database& database, Kind kind, std::string_view claim);

std::string claim_body(Kind kind, std::uint64_t number, std::int64_t now);

}  // namespace davenport::chat
