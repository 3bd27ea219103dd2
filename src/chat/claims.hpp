#pragma once

#include "davenport/documents/document_store.hpp"
#include "row_documents.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// What stands under a claim's id.
struct ClaimState {
    std::uint64_t holder = 0;    // the row that holds it; 0 = none does
    std::string revision;        // of the claim's document; empty = there is none
    std::uint64_t intended = 0;  // without a holder: the row it was taken for
    std::int64_t taken = 0;      // when, Unix seconds
    std::string mark;            // of the writing that took it; empty = a single row's
    json::object row;            // the holder's body, where it was asked for
};

// A claim counts only when its row exists and has what is claimed: what a crash, or a restore of
// some documents without others, leaves behind holds nobody up.
Result<ClaimState> read_claim(documents::Database& database, Kind kind, std::string_view claim);

// Many at once, in order; of any number of claims, few questions to the database.
enum class Rows { drop, keep };
Result<std::vector<ClaimState>> read_claims(documents::Database& database, Kind kind,
                                            std::span<const std::string> claims,
                                            Rows rows = Rows::drop);

std::string claim_body(Kind kind, std::uint64_t number, std::int64_t now,
                       std::string_view mark = {});

}  // namespace davenport::chat
