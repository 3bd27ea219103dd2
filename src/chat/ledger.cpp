#include "ledger.hpp"

#include "davenport/documents/records.hpp"
#include "ledger_turn.hpp"
#include "row_batch.hpp"

#include <array>
#include <future>

namespace davenport::chat {
namespace {

constexpr std::size_t max_rows_together = 256;
constexpr std::size_t worth_a_thread = 2'000;  // claims

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(std::shared_ptr<documents::Database> database,
                                             const Clock& clock) {
    std::unique_ptr<Ledger> ledger(new Ledger(std::move(database), clock));
    DAVENPORT_TRY(ledger->ensure_indexes());
    return ledger;
}

Result<> Ledger::ensure_indexes() {
    const std::array<std::string, 2> room_fields{"room", "id"};
    const std::array<std::string, 3> author_fields{"room", "email", "id"};
    DAVENPORT_TRY(database_->ensure_index(by_room, room_fields));
    return database_->ensure_index(by_author, author_fields);
}

// A restore may have made the database anew, without its indexes.
template <class Call>
auto Ledger::with_indexes(Call call) -> decltype(call()) {
    auto result = call();
    if (result || result.error().code != ErrorCode::not_found ||
        result.error().detail != "no_index")
        return result;
    if (auto made = ensure_indexes(); !made) return fail(std::move(made).error());
    return call();
}

Result<CreatedRow> Ledger::create(const NewRow& row) {
    Waiting self;
    self.row = &row;
    std::unique_lock lock(mutex_);
    if (!Turn::comes(*this, lock, self)) return std::move(*self.outcome);
    std::vector<Waiting*> batch;
    while (!waiting_.empty() && waiting_.front()->row && batch.size() < max_rows_together) {
        batch.push_back(waiting_.front());
        waiting_.pop_front();
    }
    const Turn turn(*this, lock);
    std::vector<RowBatch::Item> items(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) items[i].row = batch[i]->row;
    try {
        RowBatch(*this, clock_).write(items);
    } catch (const std::exception& e) {  // no memory; nobody may be left without an outcome
        for (RowBatch::Item& item : items)
            if (!item.outcome)
                item.outcome = fail(ErrorCode::unavailable, "writing failed: {}", e.what());
    }
    // Those who wait read their outcome under the mutex, and are gone when it is free.
    const std::lock_guard outcomes(mutex_);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i]->outcome = std::move(items[i].outcome);
        batch[i]->changed.notify_one();
    }
    return std::move(*self.outcome);
}

Result<std::optional<json::object>> Ledger::find(Kind kind, std::string_view claim) {
    DAVENPORT_ASSIGN(ClaimState state, read_claim(*database_, kind, claim));
    if (state.holder == 0) return std::optional<json::object>();
    return std::optional(std::move(state.row));
}

Result<std::vector<std::optional<json::object>>> Ledger::find_many(
    Kind kind, const std::vector<std::string>& claims) {
    DAVENPORT_ASSIGN(auto states, read_claims(*database_, kind, claims, Rows::keep));
    std::vector<std::optional<json::object>> bodies(states.size());
    for (std::size_t i = 0; i < states.size(); ++i)
        if (states[i].holder != 0) bodies[i] = std::move(states[i].row);
    return bodies;
}

Result<std::vector<std::uint64_t>> Ledger::holders(Kind kind,
                                                   const std::vector<std::string>& claims) {
    std::vector<std::uint64_t> holders(claims.size());
    const auto look_up = [&](std::size_t begin, std::size_t end) -> Result<> {
        DAVENPORT_ASSIGN(
            const auto states,
            read_claims(*database_, kind, std::span(claims).subspan(begin, end - begin)));
        for (std::size_t i = begin; i < end; ++i) holders[i] = states[i - begin].holder;
        return {};
    };
    // An import asks for thousands. Without a thread to be had, `get` does the work.
    const std::size_t middle = claims.size() / 2;
    std::future<Result<>> first_half;
    if (claims.size() >= worth_a_thread)
        first_half = std::async([&] { return look_up(0, middle); });
    DAVENPORT_TRY(look_up(first_half.valid() ? middle : 0, claims.size()));
    if (first_half.valid()) DAVENPORT_TRY(first_half.get());
    return holders;
}

Result<json::object> Ledger::get(Kind kind, std::uint64_t number) {
    DAVENPORT_ASSIGN(documents::Record record,
                     documents::read_record(*database_, row_id(kind, number)));
    return std::move(record.body);
}

Result<json::object> Ledger::update(Kind kind, std::uint64_t number,
                                    const std::function<Result<>(json::object&)>& edit) {
    DAVENPORT_ASSIGN(documents::Record record,
                     documents::update_record(*database_, row_id(kind, number),
                                              [&](json::object& body) -> Result<documents::Edit> {
                                                  const json::object before = body;
                                                  DAVENPORT_TRY(edit(body));
                                                  return body == before ? documents::Edit::keep
                                                                        : documents::Edit::write;
                                              }));
    return std::move(record.body);
}

Result<> Ledger::remove_row(Kind kind, std::uint64_t number) {
    DAVENPORT_ASSIGN(const documents::Record record,
                     documents::read_record(*database_, row_id(kind, number)));
    return documents::remove_record(*database_, row_id(kind, number), record.revision);
}

Result<std::vector<Comment>> Ledger::newest_comments(std::uint64_t room, std::uint64_t before,
                                                     std::uint64_t limit, std::uint64_t skip) {
    documents::Query query;
    query.index = by_room;
    query.equals = {std::to_string(room)};
    if (before != 0) query.to = std::to_string(before - 1);
    query.descending = true;
    query.limit = limit;
    query.skip = skip;
    DAVENPORT_ASSIGN(const auto found, with_indexes([&] { return database_->find(query); }));
    std::vector<Comment> comments;
    comments.reserve(found.size());
    for (const documents::Document& document : found) {
        DAVENPORT_ASSIGN(const json::object body, parse_json_object(document.body));
        DAVENPORT_ASSIGN(Comment comment, comment_of(body));
        comments.push_back(std::move(comment));
    }
    return comments;
}

Result<std::uint64_t> Ledger::count_comments(std::uint64_t room, std::uint64_t after) {
    documents::Query query;
    query.index = by_room;
    query.equals = {std::to_string(room)};
    query.from = std::to_string(after + 1);
    return with_indexes([&] { return database_->count(query); });
}

Result<std::uint64_t> Ledger::last_of_author(std::uint64_t room, std::string_view email) {
    documents::Query query;
    query.index = by_author;
    query.equals = {std::to_string(room), documents::query_text(email)};
    query.descending = true;
    query.limit = 1;
    DAVENPORT_ASSIGN(const auto found, with_indexes([&] { return database_->find(query); }));
    return found.empty() ? 0 : number_of(found.front().id);
}

Result<std::uint64_t> Ledger::last_comment(std::uint64_t room) {
    documents::Query query;
    query.index = by_room;
    query.equals = {std::to_string(room)};
    query.descending = true;
    query.limit = 1;
    DAVENPORT_ASSIGN(const auto found, with_indexes([&] { return database_->find(query); }));
    return found.empty() ? 0 : number_of(found.front().id);
}

Result<std::uint64_t> Ledger::last_number(Kind kind) {
    documents::AllDocsOptions options;
    options.descending = true;
    options.start_id = last_row_id(kind);
    options.end_id = first_row_id(kind);
    options.bodies = false;
    options.limit = 1;
    DAVENPORT_ASSIGN(const auto snapshot, database_->snapshot());
    DAVENPORT_ASSIGN(const auto cursor, snapshot->all_docs(options));
    DAVENPORT_ASSIGN(const documents::DocumentView* view, cursor->next());
    const std::uint64_t number = view == nullptr ? 0 : number_of(view->id);
    // An answer that was read to its end leaves its connection for the next request.
    DAVENPORT_TRY(cursor->next());
    return number;
}

}  // namespace davenport::chat
