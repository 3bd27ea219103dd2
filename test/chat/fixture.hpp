#pragma once

#include "davenport/documents/couchdb.hpp"
#include "ledger.hpp"
#include "support/couchdb_server.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_directory.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

// What the tests of the ledger share: stores, rows, and what stands in the end.
namespace davenport::chat::test {

template <class T>
T must(Result<T> result) {
    if (!result) FAIL(result.error().message);
    return std::move(*result);
}
inline void must(Result<> result) {
    if (!result) FAIL(result.error().message);
}

// A database "chat_x" on one of the engines.
struct Place {
    explicit Place(const std::string& engine) {
        UNSCOPED_INFO("engine: " << engine);
        if (engine == "memory") {
            store = documents::make_memory();
        } else if (engine == "embedded") {
            store = must(documents::open_embedded(directory / "documents"));
        } else {
            const auto& server = davenport::test::CouchdbServer::shared();
            documents::CouchdbOptions options;
            options.url = server.url();
            options.user = server.user();
            options.password = server.password();
            store = must(documents::open_couchdb(options));
            static_cast<void>(store->drop("chat_x"));
        }
        database = must(store->open_or_create("chat_x"));
    }

    davenport::test::TemporaryDirectory directory;
    std::unique_ptr<documents::DocumentStore> store;
    std::shared_ptr<documents::Database> database;
};

inline std::unique_ptr<Ledger> open(std::shared_ptr<documents::Database> database,
                                    const Clock& clock) {
    return must(Ledger::open(std::move(database), clock));
}

inline NewRow comment(const std::string& unique_id, std::uint64_t room = 1) {
    NewRow row;
    row.kind = Kind::comment;
    row.claims = {comment_claim(unique_id)};
    row.room = room;
    row.body = [unique_id, room](std::uint64_t number) {
        Comment comment;
        comment.id = number;
        comment.unique_id = unique_id;
        comment.room = room;
        comment.email = "a@example.com";
        comment.message = unique_id;
        return to_body(comment);
    };
    return row;
}

// The single room of two users: a row with two claims.
inline NewRow single_room(const std::string& unique_id, const std::string& one,
                          const std::string& other) {
    NewRow row;
    row.kind = Kind::room;
    row.claims = {room_claim(unique_id), pair_claim(one, other)};
    row.body = [=](std::uint64_t number) {
        Room room;
        room.id = number;
        room.unique_id = unique_id;
        room.type = RoomType::single;
        room.participants = {{1, one}, {2, other}};
        return to_body(room);
    };
    return row;
}

inline std::vector<NewRow> comments(std::size_t count) {
    std::vector<NewRow> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(comment("import-" + std::to_string(i)));
    return rows;
}

// The comments that stand, by number.
inline std::map<std::uint64_t, Comment> standing(documents::Database& database) {
    std::map<std::uint64_t, Comment> found;
    const auto cursor = must(must(database.snapshot())->all_docs({}));
    while (const documents::DocumentView* view = must(cursor->next())) {
        if (!view->id.starts_with("comment:")) continue;
        const Comment comment = must(comment_of(must(parse_json_object(view->body))));
        REQUIRE(number_of(view->id) == comment.id);
        found[comment.id] = comment;
    }
    return found;
}

inline std::size_t count_claims(documents::Database& database) {
    documents::AllDocsOptions options;
    options.start_id = "claim:";
    options.end_id = "claim;";
    std::size_t count = 0;
    const auto cursor = must(must(database.snapshot())->all_docs(options));
    while (must(cursor->next()) != nullptr) ++count;
    return count;
}

inline Ledger::Steps no_steps() {
    return {[](std::uint64_t) -> Result<> { return {}; },
            [](std::uint64_t) -> Result<> { return {}; }};
}

// ---- many rows together

// What tells one writing from others: no two of a test have one first row.
inline Ledger::Writing writing_of(const std::vector<NewRow>& rows, std::uint64_t first) {
    return {rows.front().kind, first, rows.size(), rows.front().claims.front()};
}
inline Result<std::uint64_t> create_all(Ledger& ledger, const std::vector<NewRow>& rows,
                                        const Ledger::Steps& steps = no_steps()) {
    return ledger.create_all(rows, writing_of(rows, 0).mark, steps);
}
inline std::uint64_t count_created(Ledger& ledger, const std::vector<NewRow>& rows,
                                   std::uint64_t first) {
    return must(ledger.count_created(writing_of(rows, first)));
}
inline void undo(Ledger& ledger, const std::vector<NewRow>& rows, std::uint64_t first) {
    std::vector<std::string> claims;
    for (const NewRow& row : rows)
        claims.insert(claims.end(), row.claims.begin(), row.claims.end());
    must(ledger.undo(writing_of(rows, first), claims));
}
// The number of the row that holds a claim; 0 = it is free.
inline std::uint64_t holder(Ledger& ledger, const std::string& claim) {
    return must(ledger.holders(Kind::comment, {claim})).front();
}

}  // namespace davenport::chat::test
