#pragma once

#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

// The product's own state: small documents of the control database, read and written as JSON
// objects. A record is changed only on top of the revision that was read, so of two writers one
// wins and the other is told `conflict`.
namespace davenport::documents {

struct Record {
    json::object body;
    std::string revision;
};

inline Result<Record> to_record(const Document& document) {
    auto body = parse_json_object(document.body);
    if (!body)
        return fail(ErrorCode::corrupt, "the record {} can't be read: {}", document.id,
                    body.error().message);
    return Record{std::move(*body), document.revision};
}

// A text as a value of a Query.
inline std::string query_text(std::string_view text) {
    std::string out;
    append_quoted(out, text);
    return out;
}

// Calls again, a few times within about a third of a second, while the store is merely busy.
template <class Call>
auto retry_transient(Call call) -> decltype(call()) {
    auto pause = std::chrono::milliseconds(10);
    for (int attempt = 1;; ++attempt) {
        auto result = call();
        if (result || attempt == 6) return result;
        const ErrorCode code = result.error().code;
        if (code != ErrorCode::unavailable && code != ErrorCode::timeout) return result;
        std::this_thread::sleep_for(pause);
        pause *= 2;
    }
}

// not_found when there is none, or none any more.
inline Result<Record> read_record(Database& database, std::string_view id) {
    DAVENPORT_ASSIGN(const Document document, retry_transient([&] { return database.get(id); }));
    return to_record(document);
}

// Writes once; `revision` empty = the record is new. Returns the new revision; `conflict` when the
// record has moved on (or exists already).
inline Result<std::string> write_record(Database& database, std::string_view id,
                                        const json::object& body, std::string_view revision) {
    const std::string text = to_text(body);
    const std::string type = text_or(body, "type");
    DocumentWrite write;
    write.id = id;
    write.revision = revision;
    write.body = text;
    write.type = type;
    DAVENPORT_ASSIGN(auto outcomes,
                     database.write({&write, 1}, WriteMode::interactive, Atomicity::each));
    if (outcomes.size() != 1)
        return fail(ErrorCode::internal, "a write of one record had no outcome");
    if (outcomes.front().error) return fail(std::move(*outcomes.front().error));
    return std::move(outcomes.front().revision);
}

// Writes a new record; its body names its "type" and "id". One that exists is `already_exists`,
// unless it holds the same random text under `token`: then it is a first try of ours whose answer
// was lost, and is given back as it stands, since others may have gone on with it.
inline Result<Record> create_record(Database& database, std::string_view id, json::object body,
                                    std::string_view token) {
    auto written = retry_transient([&] { return write_record(database, id, body, {}); });
    if (written) return Record{std::move(body), std::move(*written)};
    if (written.error().code != ErrorCode::conflict) return fail(std::move(written).error());
    auto present = read_record(database, id);
    if (present && text_or(present->body, token) == text_or(body, token)) return present;
    return fail(ErrorCode::already_exists, "a {} with the id {} exists", text_or(body, "type"),
                text_or(body, "id"));
}

inline Result<> remove_record(Database& database, std::string_view id, std::string_view revision) {
    DocumentWrite write;
    write.id = id;
    write.revision = revision;
    write.deleted = true;
    DAVENPORT_ASSIGN(
        auto outcomes, retry_transient([&] {
            return database.write({&write, 1}, WriteMode::interactive, Atomicity::each);
        }));
    if (outcomes.size() != 1)
        return fail(ErrorCode::internal, "a removal of one record had no outcome");
    if (outcomes.front().error) return fail(std::move(*outcomes.front().error));
    return {};
}

enum class Edit { write, keep };

// Reads the record, lets `change(json::object&) -> Result<Edit>` edit it, and writes it; starts
// over when somebody else was faster, a bounded number of times. Returns what stands then.
template <class Change>
Result<Record> update_record(Database& database, std::string_view id, Change change) {
    Error last;
    for (int attempt = 0; attempt < 30; ++attempt) {
        DAVENPORT_ASSIGN(Record record, read_record(database, id));
        DAVENPORT_ASSIGN(const Edit edit, change(record.body));
        if (edit == Edit::keep) return record;
        auto written = write_record(database, id, record.body, record.revision);
        if (written) {
            record.revision = std::move(*written);
            return record;
        }
        last = std::move(written).error();
        if (last.code != ErrorCode::conflict && last.code != ErrorCode::unavailable &&
            last.code != ErrorCode::timeout)
            return fail(std::move(last));
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(attempt, 10)));
    }
    return fail(std::move(last));
}

}  // namespace davenport::documents
