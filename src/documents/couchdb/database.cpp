#include "database.hpp"

#include "current_state.hpp"
#include "davenport/documents/document_text.hpp"
#include "documents/document_build.hpp"
#include "documents/edit.hpp"
#include "identity.hpp"
#include "reads.hpp"
#include "snapshot.hpp"

#include <algorithm>
#include <chrono>

namespace davenport::documents::couchdb {
namespace {

// Waiting is asked for in pieces, so that a database that goes away meanwhile is noticed.
constexpr std::uint64_t longest_poll_ms = 5'000;

Result<json::object> object_of(const Answer& answer, std::string_view what) {
    auto object = parse_json_object(answer.body);
    if (object) return std::move(*object);
    return fail(ErrorCode::corrupt, "{}: the answer is no JSON object: {}", what,
                object.error().message);
}

Result<Answer> ask_about(const Place& place, Request request, std::string_view what) {
    DAVENPORT_ASSIGN(Answer answer, place.client().send(std::move(request)));
    if (answer.head.status < 200 || answer.head.status >= 300)
        return fail(database_error(answer, place, what));
    return answer;
}

std::uint64_t number(const json::object& object, std::string_view key) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, integer_member(object, key).value_or(0)));
}

std::string sequence_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return {};
    return value->is_string() ? std::string(value->as_string()) : to_text(*value);
}

std::string local_path(const Place& place, std::string_view id) {
    return document_path(place.path, fmt::format("_local/{}", id));
}

}  // namespace

CouchdbDatabase::CouchdbDatabase(Place place)
    : place_(std::move(place)), history_(std::make_shared<WriteHistory>()), fields_(place_) {}

Result<DatabaseInfo> CouchdbDatabase::info() {
    constexpr std::string_view what = "the description";
    DAVENPORT_ASSIGN(const Answer answer, ask_about(place_, get_request(place_.path), what));
    DAVENPORT_ASSIGN(const json::object object, object_of(answer, what));
    DatabaseInfo info;
    info.name = place_.name;
    info.sequence = sequence_of(object, "update_seq");
    info.documents = number(object, "doc_count");
    info.tombstones = number(object, "doc_del_count");
    if (const json::object* sizes = object_member(object, "sizes"))
        info.bytes = number(*sizes, "file");
    if (info.sequence.empty())
        return fail(ErrorCode::corrupt, "the server describes database \"{}\" without a sequence",
                    place_.name);
    DAVENPORT_ASSIGN(info.identity, read_identity(place_, object));
    const std::lock_guard lock(mutex_);
    if (identity_.empty()) identity_ = info.identity;
    if (identity_ != info.identity) return no_database(place_.name);
    return info;
}

Result<std::unique_ptr<Snapshot>> CouchdbDatabase::snapshot() {
    DAVENPORT_ASSIGN(DatabaseInfo before, info());
    // The snapshot may outlive this object; it asks for itself.
    const auto settle = [place = place_, identity = before.identity]() -> Result<> {
        DAVENPORT_ASSIGN(const DatabaseInfo now, CouchdbDatabase(place).info());
        if (now.identity == identity) return {};
        return fail(ErrorCode::not_found,
                    "database \"{}\" was dropped and created again while it was read", place.name);
    };
    return std::make_unique<CouchdbSnapshot>(place_, std::move(before), settle);
}

Result<Document> CouchdbDatabase::get(std::string_view id, const ReadOptions& options) {
    DAVENPORT_ASSIGN(auto found, read_document(place_, id, options));
    return std::move(found.document);
}

Result<std::vector<std::optional<Document>>> CouchdbDatabase::get_many(
    std::span<const std::string> ids) {
    return read_documents(place_, ids);
}

Result<std::vector<Document>> CouchdbDatabase::leaves(std::string_view id, bool history) {
    DAVENPORT_ASSIGN(auto found, read_leaves(place_, id, history));
    std::vector<Document> documents;
    for (FoundDocument& leaf : found) documents.push_back(std::move(leaf.document));
    return documents;
}

Result<std::vector<std::string>> CouchdbDatabase::missing_revisions(
    std::string_view id, std::span<const std::string> revisions) {
    for (const std::string& revision : revisions) DAVENPORT_TRY(RevisionId::parse(revision));
    DAVENPORT_ASSIGN(const auto missing, read_missing(place_, {{id, revisions}}));
    std::vector<std::string> in_order;
    std::copy_if(revisions.begin(), revisions.end(), std::back_inserter(in_order),
                 [&](const std::string& revision) {
                     return missing.contains({std::string(id), revision});
                 });
    return in_order;
}

Result<std::unique_ptr<ByteSource>> CouchdbDatabase::attachment(std::string_view id,
                                                                std::string_view revision,
                                                                std::string_view name) {
    return read_attachment(place_, id, revision, name);
}

Result<std::vector<WriteOutcome>> CouchdbDatabase::write(std::span<const DocumentWrite> documents,
                                                         WriteMode mode, Atomicity atomicity) {
    if (atomicity == Atomicity::all && documents.size() > 1)
        return fail(ErrorCode::unsupported,
                    "CouchDB can't write several documents all or none of them");
    return Writer(place_, *history_, mode).write(documents);
}

Result<std::optional<std::string>> CouchdbDatabase::local_revision(std::string_view id) {
    auto document = get_local(id);
    if (document) return std::optional(std::move(document->revision));
    if (document.error().code == ErrorCode::not_found && document.error().detail != "no_db_file")
        return std::optional<std::string>();
    return fail(std::move(document).error());
}

// CouchDB writes `_local` documents without looking at the revision given, so we look: of two who
// write at the very same moment both may believe to have been first.
Result<> CouchdbDatabase::check_local(std::string_view id, std::string_view revision) {
    DAVENPORT_ASSIGN(const auto current, local_revision(id));
    if (revision == current.value_or("")) return {};
    return fail(ErrorCode::conflict, "local document \"{}\": the revision given is not current",
                id);
}

Result<Document> CouchdbDatabase::get_local(std::string_view id) {
    if (!check_local_id(id)) return no_document(id, "missing");
    DAVENPORT_ASSIGN(const Answer answer,
                     place_.client().send(get_request(local_path(place_, id))));
    if (answer.head.status != 200) return fail(document_error(answer, place_, id));
    DAVENPORT_ASSIGN(auto found, DocumentReader().read_document(answer.body));
    return std::move(found.document);
}

Result<std::string> CouchdbDatabase::put_local(std::string_view id, std::string_view revision,
                                               std::string_view body) {
    DAVENPORT_TRY(check_local_id(id));
    DAVENPORT_TRY(check_object_text("the local document", body));
    DAVENPORT_TRY(check_local(id, revision));
    Request request;
    request.method = Request::Method::put;
    request.path = local_path(place_, id);
    request.repeat = Request::Repeat::never;
    append_document_text(request.body, fmt::format("_local/{}", id), revision, false, body, {});
    DAVENPORT_ASSIGN(const Answer answer, place_.client().send(std::move(request)));
    if (answer.head.status != 201 && answer.head.status != 202)
        return fail(document_error(answer, place_, id));
    DAVENPORT_ASSIGN(const json::object object, object_of(answer, "the local document"));
    return text_or(object, "rev");
}

Result<> CouchdbDatabase::remove_local(std::string_view id, std::string_view revision) {
    DAVENPORT_ASSIGN(const auto current, local_revision(id));
    if (!current) return no_document(id, "missing");
    DAVENPORT_TRY(check_local(id, revision));
    Request request;
    request.method = Request::Method::remove;
    request.path = PathQuery(local_path(place_, id)).add("rev", revision).take();
    request.repeat = Request::Repeat::never;
    DAVENPORT_ASSIGN(const Answer answer, place_.client().send(std::move(request)));
    if (answer.head.status != 200 && answer.head.status != 202)
        return fail(document_error(answer, place_, id));
    return {};
}

Result<std::string> CouchdbDatabase::security() {
    DAVENPORT_ASSIGN(Answer answer, ask_about(place_, get_request(place_.path + "/_security"),
                                              "the security object"));
    while (!answer.body.empty() && answer.body.back() == '\n') answer.body.pop_back();
    DAVENPORT_TRY(check_object_text("the security object", answer.body));
    return std::move(answer.body);
}

Result<> CouchdbDatabase::set_security(std::string_view text) {
    DAVENPORT_TRY(check_object_text("the security object", text));
    Request request;
    request.method = Request::Method::put;
    request.path = place_.path + "/_security";
    request.body = text;
    DAVENPORT_TRY(ask_about(place_, std::move(request), "the security object"));
    return {};
}

Result<> CouchdbDatabase::ensure_index(std::string_view index,
                                       std::span<const std::string> fields) {
    return fields_.ensure(index, fields);
}

Result<std::vector<Document>> CouchdbDatabase::find(const Query& query) {
    return fields_.find(query);
}

Result<std::uint64_t> CouchdbDatabase::count(const Query& query) {
    return fields_.count(query);
}

Result<bool> CouchdbDatabase::wait_for_change(std::string_view since, std::uint64_t timeout_ms) {
    using Clock = std::chrono::steady_clock;
    DAVENPORT_ASSIGN(const DatabaseInfo now, info());
    if (!is_sequence(since, now.sequence))
        return fail(ErrorCode::invalid_argument, "the given sequence is none of database \"{}\"",
                    place_.name);
    const bool beginning = since.empty() || since == "0";
    const auto start = Clock::now();
    while (true) {
        const auto waited =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
        const std::uint64_t left =
            timeout_ms - std::min(timeout_ms, static_cast<std::uint64_t>(waited.count()));
        const std::uint64_t poll = std::min(left, longest_poll_ms);
        PathQuery path(place_.path + "/_changes");
        path.add("limit", "1");
        if (!beginning) path.add("since", since);
        if (poll > 0) path.add("feed", "longpoll").add("timeout", std::to_string(poll));
        Request request = get_request(path.take());
        request.quiet_ms = poll;
        DAVENPORT_ASSIGN(const Answer answer, ask_about(place_, std::move(request), "the changes"));
        DAVENPORT_ASSIGN(const json::object object, object_of(answer, "the changes"));
        const json::array* changes = array_member(object, "results");
        if (changes != nullptr && !changes->empty()) return true;
        if (poll == left) return false;
        DAVENPORT_TRY(info());
    }
}

}  // namespace davenport::documents::couchdb
