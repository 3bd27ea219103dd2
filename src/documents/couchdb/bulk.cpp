#include "bulk.hpp"

#include "client_exchange.hpp"
#include "davenport/base/json.hpp"

#include <algorithm>
#include <unordered_map>

namespace davenport::documents::couchdb {
namespace {

using Reply = Pending::Reply;

constexpr std::size_t max_documents = 1'000;
constexpr std::size_t max_under_way = 3;
constexpr int max_failures = 4;
constexpr std::size_t max_answer_bytes = std::size_t{64} << 20;

void set(Pending& pending, Reply reply, Error error = {}) {
    pending.reply = reply;
    pending.error = std::move(error);
}

ErrorCode code_of(std::string_view name) {
    if (name == "forbidden") return ErrorCode::forbidden;
    if (name == "unauthorized") return ErrorCode::unauthorized;
    if (name == "missing_stub") return ErrorCode::conflict;
    if (name.find("too_large") != std::string_view::npos) return ErrorCode::too_large;
    if (name == "bad_request" || name == "doc_validation" || name == "illegal_docid")
        return ErrorCode::invalid_argument;
    return ErrorCode::unavailable;
}

// What the server says about one document.
void take_reply(Pending& pending, const json::object& row) {
    if (!row.contains("error")) {
        pending.revision = text_or(row, "rev");
        if (pending.revision.empty())
            set(pending, Reply::unknown,
                {ErrorCode::corrupt, "the server names no revision of what it wrote", {}});
        else
            set(pending, Reply::written);
        return;
    }
    const std::string name = text_or(row, "error", "error");
    const std::string reason = text_or(row, "reason");
    Error error{code_of(name),
                fmt::format("document \"{}\" is refused: {}: {}", pending.write->id, name, reason),
                name};
    const bool conflict = name == "conflict";
    if (conflict) error.code = ErrorCode::conflict;
    set(pending, conflict ? Reply::conflict : Reply::refused, std::move(error));
}

}  // namespace

void BulkWriter::send(const std::vector<Pending*>& documents) {
    for (Pending* pending : documents) set(*pending, Reply::none);
    split(documents);
    while (!waiting_.empty() || !sent_.empty()) {
        // The next request is made while the server is at work on the one before.
        if (!waiting_.empty() && sent_.size() < max_under_way && !hopeless_) {
            const Batch batch = std::move(waiting_.front());
            waiting_.pop_front();
            begin(batch);
        } else if (!sent_.empty()) {
            Sent sent = std::move(sent_.front());
            sent_.pop_front();
            finish(std::move(sent));
        } else {
            for (Pending* pending : waiting_.front()) set(*pending, Reply::refused, *hopeless_);
            waiting_.pop_front();
        }
    }
}

void BulkWriter::split(const std::vector<Pending*>& documents) {
    const std::uint64_t limit = place_.server->request_limit();
    Batch batch;
    std::uint64_t bytes = 0;
    for (Pending* pending : documents) {
        // Attachments that are many bytes go by themselves, without ever being in memory.
        if (attachment_bytes(*pending) * 4 / 3 > limit / 2) {
            if (!hopeless_)
                send_alone(*pending);
            else
                set(*pending, Reply::refused, *hopeless_);
            continue;
        }
        const std::uint64_t size = encoded_size(*pending);
        if (!batch.empty() && (bytes + size > limit || batch.size() == max_documents)) {
            waiting_.push_back(std::move(batch));
            batch.clear();
            bytes = 0;
        }
        batch.push_back(pending);
        bytes += size;
    }
    if (!batch.empty()) waiting_.push_back(std::move(batch));
}

void BulkWriter::begin(const Batch& batch) {
    std::uint64_t size = 0;
    for (const Pending* pending : batch) size += encoded_size(*pending);
    Request request = post_request(place_.path + "/_bulk_docs", {});
    // A repetition would meet what the first one wrote; who sends it has to look.
    request.repeat =
        mode_ == WriteMode::replicated ? Request::Repeat::safe : Request::Repeat::never;
    request.body.reserve(size + 64);
    request.body =
        mode_ == WriteMode::replicated ? "{\"new_edits\":false,\"docs\":[" : "{\"docs\":[";
    Batch sent;
    for (Pending* pending : batch) {
        const std::size_t before = request.body.size();
        if (!sent.empty()) request.body.push_back(',');
        if (auto encoded = append_pending(request.body, *pending, mode_, Bytes::within); !encoded) {
            request.body.resize(before);
            set(*pending, Reply::refused, std::move(encoded).error());
            continue;
        }
        sent.push_back(pending);
    }
    if (sent.empty()) return;
    request.body += "]}";
    const std::uint64_t bytes = request.body.size();
    sent_.push_back({std::move(sent), bytes, place_.client().begin(std::move(request))});
}

void BulkWriter::finish(Sent sent) {
    const auto head = sent.exchange->head();
    if (!head) {
        for (Pending* pending : sent.batch) set(*pending, Reply::unknown, head.error());
        return;
    }
    auto answer = collect(*sent.exchange, max_answer_bytes);
    if (!answer) {
        for (Pending* pending : sent.batch) set(*pending, Reply::unknown, answer.error());
        return;
    }
    if (answer->head.status >= 200 && answer->head.status < 300) {
        failures_ = 0;
        take_replies(sent.batch, *answer);
    } else {
        refused(sent, *answer);
    }
}

void BulkWriter::take_replies(const Batch& batch, const Answer& answer) {
    const auto damaged = [&](std::string_view why) {
        for (Pending* pending : batch)
            if (pending->reply == Reply::none)
                set(*pending, Reply::unknown,
                    {ErrorCode::corrupt, fmt::format("the answer to a write {}", why), {}});
    };
    const auto parsed = parse_json(answer.body);
    const json::array* rows = parsed ? parsed->if_array() : nullptr;
    if (rows == nullptr) return damaged("is no JSON array");
    if (mode_ == WriteMode::replicated) {
        // Only what went wrong is listed.
        for (const json::value& value : *rows) {
            const json::object* row = value.if_object();
            if (row == nullptr) return damaged("holds a row that is no object");
            const std::string id = text_or(*row, "id");
            const auto pending =
                std::find_if(batch.begin(), batch.end(),
                             [&](const Pending* other) { return other->write->id == id; });
            if (pending == batch.end()) return damaged("is about another document");
            take_reply(**pending, *row);
        }
        for (Pending* pending : batch) {
            if (pending->reply != Reply::none) continue;
            pending->revision = pending->write->revision;
            set(*pending, Reply::written);
        }
        return;
    }
    if (rows->size() != batch.size()) return damaged("has another number of rows");
    std::unordered_map<std::string_view, Pending*> by_id;
    for (Pending* pending : batch) by_id.emplace(pending->write->id, pending);
    for (const json::value& value : *rows) {
        const json::object* row = value.if_object();
        const auto pending = by_id.find(row ? text_or(*row, "id") : std::string());
        if (pending == by_id.end()) return damaged("is about other documents");
        take_reply(*pending->second, *row);
        by_id.erase(pending);
    }
}

// The request as a whole: half of it each may do, and one document alone shows whom it is about.
void BulkWriter::refused(const Sent& sent, const Answer& answer) {
    const int status = answer.head.status;
    const Batch& batch = sent.batch;
    const std::string_view what = batch.size() == 1 ? batch.front()->write->id : "writing";
    Error error = error_of(answer, fmt::format("{} in database \"{}\"", what, place_.name));
    if (status == 404 || status == 401) {
        hopeless_ = status == 404 ? no_database(place_.name).value() : error;
        for (Pending* pending : batch) set(*pending, Reply::refused, *hopeless_);
        return;
    }
    const bool about_a_document = status == 400 || status == 403 || status == 412 ||
                                  status == 413 || status == 417 || status == 500;
    if (about_a_document && batch.size() > 1 && failures_ < max_failures) {
        if (status == 413 && refusal_of(answer.body).error != "document_too_large")
            place_.server->request_was_too_large(sent.bytes);
        const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
        waiting_.emplace_front(middle, batch.end());
        waiting_.emplace_front(batch.begin(), middle);
        return;
    }
    if (status >= 500) ++failures_;
    if (status == 412) {
        error.code = ErrorCode::conflict;
        error.detail = "missing_stub";
    }
    // What the server did before it failed is not known.
    for (Pending* pending : batch)
        set(*pending, status >= 500 ? Reply::unknown : Reply::refused, error);
}

void BulkWriter::send_alone(Pending& pending) {
    auto body = MultipartBody::create(pending, mode_);
    if (!body) return set(pending, Reply::refused, std::move(body).error());
    Request request;
    request.method = Request::Method::put;
    request.path = document_path(place_.path, pending.write->id);
    if (mode_ == WriteMode::replicated) request.path += "?new_edits=false";
    request.repeat = Request::Repeat::never;
    request.content_type = (*body)->content_type();
    request.upload_bytes = (*body)->length();
    request.upload = *body;
    auto answer = place_.client().send(std::move(request));
    if (!answer) return set(pending, Reply::unknown, std::move(answer).error());
    if (answer->head.status == 409)
        return set(pending, Reply::conflict, error_of(*answer, pending.write->id));
    if (answer->head.status != 201 && answer->head.status != 202)
        return refused({{&pending}, (*body)->length(), nullptr}, *answer);
    const auto row = parse_json_object(answer->body);
    if (!row)
        return set(pending, Reply::unknown,
                   {ErrorCode::corrupt, "the answer to a write is no JSON object", {}});
    take_reply(pending, *row);
}

}  // namespace davenport::documents::couchdb
