#pragma once

#include "claims.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "row_documents.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// A row that is to be written, before it has a number.
struct NewRow {
    Kind kind = Kind::comment;
    std::vector<std::string> claims;  // that must be free
    std::function<json::object(std::uint64_t number)> body;
    // Of a comment: its room, so that what came before it is known. 0 = not asked.
    std::uint64_t room = 0;
};

struct CreatedRow {
    std::uint64_t number = 0;
    std::uint64_t before = 0;  // the newest comment of the room before this one; 0 = none
};

// The rows of one application's database: numbers, claims, and writing them together.
//
// Writers of one process take turns: whoever finds nobody writing writes for all who wait, in one
// durable transaction. So rows of one process come in the order of their numbers, and many small
// writes share one sync. Where the engine has no transactions (CouchDB), claims are written first
// and the row after them; a claim whose row has not come is waited for, and taken over when it is
// older than a few seconds, since its writer is gone then.
//
// Thread-safe.
class Ledger {
  public:
    // Makes the indexes. `clock` must outlive it.
    static Result<std::unique_ptr<Ledger>> open(std::shared_ptr<documents::Database> database,
                                                const Clock& clock);

    // already_exists, with the claim in `detail`, when one of its claims is held.
    Result<CreatedRow> create(const NewRow& row);
    struct Steps {
        // Hears the first number before anything is written, so that the caller can note it.
        std::function<Result<>(std::uint64_t first)> begin;
        std::function<Result<>(std::uint64_t done)> written;  // may end it with an error
    };
    // All or none, under consecutive numbers, in order. Errors as in `create`, or conflict when
    // somebody of another process came in between (or is about to: wait a little, then call again);
    // nothing is there any more then, unless taking it away failed. Returns the first number.
    // `rows` are not empty, of one kind, their claims distinct; `mark` is a text that no other call
    // has used, without quotes.
    Result<std::uint64_t> create_all(const std::vector<NewRow>& rows, const std::string& mark,
                                     const Steps& steps);
    // A call of create_all, as `begin` let it be noted.
    struct Writing {
        Kind kind = Kind::comment;
        std::uint64_t first = 0, count = 0;
        std::string mark;
    };
    // After a crash within it: how many of its rows are there.
    Result<std::uint64_t> count_created(const Writing& writing);
    // Takes those away, with their claims and with those of `claims` whose row never came.
    Result<> undo(const Writing& writing, const std::vector<std::string>& claims = {});

    // The row that holds a claim; nullopt = it is free.
    Result<std::optional<json::object>> find(Kind kind, std::string_view claim);
    // Of many claims, in order, with few questions to the database.
    Result<std::vector<std::optional<json::object>>> find_many(
        Kind kind, const std::vector<std::string>& claims);
    // The same, but only the numbers of the rows; 0 = it is free.
    Result<std::vector<std::uint64_t>> holders(Kind kind, const std::vector<std::string>& claims);
    Result<json::object> get(Kind kind, std::uint64_t number);  // not_found
    // Many of them, in order; nullopt = it is not there.
    Result<std::vector<std::optional<json::object>>> get_many(
        Kind kind, const std::vector<std::uint64_t>& numbers);
    // Reads, edits and writes; starts over when somebody else was faster. What claims stand for
    // must stay.
    Result<json::object> update(Kind kind, std::uint64_t number,
                                const std::function<Result<>(json::object&)>& edit);

    // The room's newest comments below `before` (0 = all), newest first.
    Result<std::vector<Comment>> newest_comments(std::uint64_t room, std::uint64_t before,
                                                 std::uint64_t limit, std::uint64_t skip = 0);
    Result<std::uint64_t> count_comments(std::uint64_t room, std::uint64_t after);
    // The newest comment of that author in the room; 0 = none.
    Result<std::uint64_t> last_of_author(std::uint64_t room, std::string_view email);
    Result<std::uint64_t> last_number(Kind kind);  // 0 = there is none

    Result<std::uint64_t> last_comment(std::uint64_t room);  // its number; 0 = there is none
    Result<> remove_row(Kind kind, std::uint64_t number);    // its claims stay behind

    // Whether the engine has no transactions; known after the first write.
    bool in_steps() const { return in_steps_; }
    void set_in_steps() { in_steps_ = true; }
    documents::Database& database() { return *database_; }

  private:
    struct Waiting {
        const NewRow* row = nullptr;  // null: of who wants a turn alone
        std::optional<Result<CreatedRow>> outcome;
        std::condition_variable changed;
    };
    class Turn;

    Ledger(std::shared_ptr<documents::Database> database, const Clock& clock)
        : database_(std::move(database)), clock_(clock) {}
    Result<> ensure_indexes();
    template <class Call>
    auto with_indexes(Call call) -> decltype(call());

    const std::shared_ptr<documents::Database> database_;
    const Clock& clock_;
    std::atomic<bool> in_steps_ = false;
    std::mutex mutex_;
    std::deque<Waiting*> waiting_;  // in the order in which they came
    bool writing_ = false;
};

}  // namespace davenport::chat
