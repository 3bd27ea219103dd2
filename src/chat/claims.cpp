#include "claims.hpp"

#include "davenport/documents/records.hpp"

#include <algorithm>

namespace davenport::chat {

Result<ClaimState> read_claim(documents::Database& database, Kind kind, std::string_view claim) {
    auto record = documents::read_record(database, claim);
    if (!record && record.error().code == ErrorCode::not_found) return ClaimState{};
    if (!record) return fail(std::move(record).error());
    ClaimState state;
    state.revision = record->revision;
    state.intended = number_of(text_or(record->body, "row"));
    state.taken = integer_member(record->body, "at").value_or(0);
    if (state.intended == 0) return state;
    auto row = documents::read_record(database, row_id(kind, state.intended));
    if (!row && row.error().code != ErrorCode::not_found) return fail(std::move(row).error());
    if (!row) return state;
    const auto claims = claims_of(kind, row->body);
    if (std::find(claims.begin(), claims.end(), claim) != claims.end()) {
        state.holder = state.intended;
        state.row = std::move(row->body);
    }
    return state;
}

std::string claim_body(Kind kind, std::uint64_t number, std::int64_t now) {
    return fmt::format(R"({{"type":"chat_claim","row":"{}","at":{}}})", row_id(kind, number), now);
}

}  // namespace davenport::chat
