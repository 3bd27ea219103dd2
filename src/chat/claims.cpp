#include "claims.hpp"

#include "davenport/documents/records.hpp"

#include <algorithm>

namespace davenport::chat {
namespace {

constexpr std::size_t claims_a_question = 1'000;

ClaimState state_of(const documents::Record& record) {
    ClaimState state;
    state.revision = record.revision;
    state.intended = number_of(text_or(record.body, "row"));
    state.taken = integer_member(record.body, "at").value_or(0);
    state.mark = text_or(record.body, "mark");
    return state;
}

bool has(Kind kind, const json::object& row, std::string_view claim) {
    const auto claims = claims_of(kind, row);
    return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

Result<> read_some(documents::Database& database, Kind kind, std::span<const std::string> claims,
                   Rows keep, std::vector<ClaimState>& states) {
    const auto read = [&](std::span<const std::string> ids) {
        return documents::retry_transient([&] { return database.get_many(ids); });
    };
    DAVENPORT_ASSIGN(const auto found, read(claims));
    std::vector<std::string> rows;
    std::vector<std::size_t> claimed;  // where in `claims`
    const std::size_t before = states.size();
    for (std::size_t i = 0; i < claims.size(); ++i) {
        ClaimState& state = states.emplace_back();
        if (!found[i]) continue;
        DAVENPORT_ASSIGN(const documents::Record record, documents::to_record(*found[i]));
        state = state_of(record);
        if (state.intended == 0) continue;
        rows.push_back(row_id(kind, state.intended));
        claimed.push_back(i);
    }
    if (rows.empty()) return {};
    DAVENPORT_ASSIGN(const auto bodies, read(rows));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!bodies[i]) continue;
        DAVENPORT_ASSIGN(documents::Record row, documents::to_record(*bodies[i]));
        ClaimState& state = states[before + claimed[i]];
        if (!has(kind, row.body, claims[claimed[i]])) continue;
        state.holder = state.intended;
        if (keep == Rows::keep) state.row = std::move(row.body);
    }
    return {};
}

}  // namespace

Result<ClaimState> read_claim(documents::Database& database, Kind kind, std::string_view claim) {
    auto record = documents::read_record(database, claim);
    if (!record && record.error().code == ErrorCode::not_found &&
        record.error().detail != "no_db_file")
        return ClaimState{};
    if (!record) return fail(std::move(record).error());
    ClaimState state = state_of(*record);
    if (state.intended == 0) return state;
    auto row = documents::read_record(database, row_id(kind, state.intended));
    if (!row && row.error().code != ErrorCode::not_found) return fail(std::move(row).error());
    if (row && has(kind, row->body, claim)) {
        state.holder = state.intended;
        state.row = std::move(row->body);
    }
    return state;
}

Result<std::vector<ClaimState>> read_claims(documents::Database& database, Kind kind,
                                            std::span<const std::string> claims, Rows rows) {
    std::vector<ClaimState> states;
    states.reserve(claims.size());
    for (std::size_t begin = 0; begin < claims.size(); begin += claims_a_question)
        DAVENPORT_TRY(
            read_some(database, kind,
                      claims.subspan(begin, std::min(claims_a_question, claims.size() - begin)),
                      rows, states));
    return states;
}

std::string claim_body(Kind kind, std::uint64_t number, std::int64_t now, std::string_view mark) {
    const std::string marked = mark.empty() ? "" : fmt::format(R"(,"mark":"{}")", mark);
    return fmt::format(R"({{"type":"chat_claim","row":"{}","at":{}{}}})", row_id(kind, number), now,
                       marked);
}

}  // namespace davenport::chat
