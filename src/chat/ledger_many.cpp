#include "davenport/documents/records.hpp"
#include "ledger_turn.hpp"
#include "row_batch.hpp"

#include <algorithm>

// Many rows together: written all or none, and found and taken away again after a crash by the mark
// that their claims bear.
namespace davenport::chat {
namespace {

constexpr std::size_t rows_a_question = 1'000;
constexpr int max_undo_attempts = 10;  // others may change what is taken away

using documents::Database;
using documents::Record;

struct Found {
    std::string id, revision;
};
struct Part {
    std::vector<Found> rows, claims;
};

// Those rows of `writing` from `first` on, `count` of them at most, that bear its mark, with the
// claims that do.
Result<Part> find_part(Database& database, const Ledger::Writing& writing, std::uint64_t first,
                       std::uint64_t count) {
    const auto read = [&](const std::vector<std::string>& ids) {
        return documents::retry_transient([&] { return database.get_many(ids); });
    };
    std::vector<std::string> row_ids;
    for (std::uint64_t i = 0; i < count; ++i) row_ids.push_back(row_id(writing.kind, first + i));
    DAVENPORT_ASSIGN(const auto rows, read(row_ids));

    struct Claimed {
        const documents::Document* row = nullptr;
        bool first = false;  // the claim that every row has
    };
    std::vector<std::string> claim_ids;
    std::vector<Claimed> claimed;
    for (const auto& row : rows) {
        if (!row) continue;
        DAVENPORT_ASSIGN(const Record record, documents::to_record(*row));
        bool is_first = true;
        for (std::string& claim : claims_of(writing.kind, record.body)) {
            claim_ids.push_back(std::move(claim));
            claimed.push_back({&*row, std::exchange(is_first, false)});
        }
    }
    DAVENPORT_ASSIGN(const auto claims, read(claim_ids));
    Part part;
    for (std::size_t i = 0; i < claims.size(); ++i) {
        if (!claims[i]) continue;
        DAVENPORT_ASSIGN(const Record record, documents::to_record(*claims[i]));
        if (text_or(record.body, "mark") != writing.mark ||
            text_or(record.body, "row") != claimed[i].row->id)
            continue;
        if (claimed[i].first) part.rows.push_back({claimed[i].row->id, claimed[i].row->revision});
        part.claims.push_back({claim_ids[i], record.revision});
    }
    return part;
}

// True when all of them are gone; else somebody has changed one meanwhile.
Result<bool> remove(Database& database, const std::vector<Found>& found) {
    if (found.empty()) return true;
    std::vector<documents::DocumentWrite> writes;
    for (const Found& one : found) {
        documents::DocumentWrite& write = writes.emplace_back();
        write.id = one.id;
        write.revision = one.revision;
        write.deleted = true;
    }
    DAVENPORT_ASSIGN(const auto outcomes, documents::retry_transient([&] {
                         return database.write(writes, documents::WriteMode::interactive,
                                               documents::Atomicity::each);
                     }));
    bool all = true;
    for (const documents::WriteOutcome& outcome : outcomes) {
        if (!outcome.error) continue;
        const ErrorCode code = outcome.error->code;
        if (code != ErrorCode::conflict && code != ErrorCode::not_found)
            return fail(*outcome.error);
        all = false;
    }
    return all;
}

Result<> remove_part(Database& database, const Ledger::Writing& writing, std::uint64_t first,
                     std::uint64_t count) {
    for (int attempt = 1;; ++attempt) {
        DAVENPORT_ASSIGN(const Part part, find_part(database, writing, first, count));
        // A claim without its row holds nobody up for long; a row without its claims would.
        DAVENPORT_ASSIGN(const bool rows, remove(database, part.rows));
        if (rows) {
            DAVENPORT_TRY(remove(database, part.claims));
            return {};
        }
        if (attempt == max_undo_attempts)
            return fail(ErrorCode::unavailable, "rows that are to go are changed all the time");
    }
}

}  // namespace

Result<std::uint64_t> Ledger::create_all(const std::vector<NewRow>& rows, const std::string& mark,
                                         const Steps& steps) {
    Waiting self;
    std::unique_lock lock(mutex_);
    Turn::comes(*this, lock, self);
    waiting_.pop_front();
    Turn turn(*this, lock);
    Writing writing{rows.front().kind, 0, rows.size(), mark};
    DAVENPORT_ASSIGN(writing.first, last_number(writing.kind));
    ++writing.first;
    DAVENPORT_TRY(steps.begin(writing.first));
    bool some = false;
    const auto written = RowBatch(*this, clock_, mark)
                             .write_under(rows, writing.first, [&](std::uint64_t done) -> Result<> {
                                 some = true;
                                 DAVENPORT_TRY(steps.written(done));
                                 // Step by step it takes a while, and those who wait hold threads
                                 // that answer requests. Their rows come after these, whose numbers
                                 // are taken from the last one down.
                                 if (done < rows.size()) turn.give_way();
                                 return {};
                             });
    if (written) return writing.first;
    if (some || in_steps_) {
        std::vector<std::string> claims;
        for (const NewRow& row : rows)
            claims.insert(claims.end(), row.claims.begin(), row.claims.end());
        DAVENPORT_TRY(undo(writing, claims));
    }
    return fail(written.error());
}

Result<std::uint64_t> Ledger::count_created(const Writing& writing) {
    std::uint64_t created = 0;
    for (std::uint64_t begin = 0; begin < writing.count; begin += rows_a_question) {
        const std::uint64_t count = std::min(rows_a_question, writing.count - begin);
        DAVENPORT_ASSIGN(const Part part,
                         find_part(*database_, writing, writing.first + begin, count));
        created += part.rows.size();
    }
    return created;
}

Result<> Ledger::undo(const Writing& writing, const std::vector<std::string>& claims) {
    for (std::uint64_t begin = 0; begin < writing.count; begin += rows_a_question)
        DAVENPORT_TRY(remove_part(*database_, writing, writing.first + begin,
                                  std::min(rows_a_question, writing.count - begin)));
    DAVENPORT_ASSIGN(const auto states, read_claims(*database_, writing.kind, claims));
    std::vector<Found> orphans;
    for (std::size_t i = 0; i < claims.size(); ++i)
        if (states[i].holder == 0 && states[i].mark == writing.mark)
            orphans.push_back({claims[i], states[i].revision});
    for (std::size_t begin = 0; begin < orphans.size(); begin += rows_a_question)
        DAVENPORT_TRY(
            remove(*database_, {orphans.begin() + static_cast<std::ptrdiff_t>(begin),
                                orphans.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                      begin + rows_a_question, orphans.size()))}));
    return {};
}

Result<std::vector<std::optional<json::object>>> Ledger::get_many(
    Kind kind, const std::vector<std::uint64_t>& numbers) {
    std::vector<std::optional<json::object>> bodies;
    for (std::size_t begin = 0; begin < numbers.size(); begin += rows_a_question) {
        std::vector<std::string> ids;
        for (std::size_t i = begin; i < std::min(begin + rows_a_question, numbers.size()); ++i)
            ids.push_back(row_id(kind, numbers[i]));
        DAVENPORT_ASSIGN(const auto found,
                         documents::retry_transient([&] { return database_->get_many(ids); }));
        for (const auto& document : found) {
            bodies.emplace_back();
            if (!document) continue;
            DAVENPORT_ASSIGN(Record record, documents::to_record(*document));
            bodies.back() = std::move(record.body);
        }
    }
    return bodies;
}

}  // namespace davenport::chat
