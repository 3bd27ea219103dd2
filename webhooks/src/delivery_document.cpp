#include "delivery_document.hpp"

#include <algorithm>
#include <array>

namespace davenport::webhooks {
namespace {

constexpr std::string_view by_due_time = "deliveries_by_due_time";
constexpr std::string_view by_creation = "deliveries_by_creation";
constexpr std::size_t max_attempts_kept = 50;

using State = Delivery::State;

std::string_view to_text(State state) {
    switch (state) {
        case State::waiting:
            return "waiting";
        case State::delivered:
            return "delivered";
        case State::given_up:
            return "given_up";
    }
    return "given_up";
}

std::string document_id(std::string_view id) {
    return "delivery/" + std::string(id);
}

json::object to_body(const DeliveryDocument& document) {
    const Delivery& delivery = document.delivery;
    json::array attempts;
    const std::size_t count = delivery.attempts.size();
    for (std::size_t i = count > max_attempts_kept ? count - max_attempts_kept : 0; i < count;
         ++i) {
        const Attempt& attempt = delivery.attempts[i];
        attempts.push_back(json::object{{"at_ms", attempt.at_ms},
                                        {"http_status", attempt.http_status},
                                        {"outcome", attempt.outcome},
                                        {"took_ms", attempt.took_ms}});
    }
    return {{"type", "delivery"},
            {"id", delivery.id},
            {"state", to_text(delivery.state)},
            {"url", delivery.url},
            {"payload", delivery.payload},
            {"attempts", std::move(attempts)},
            {"next_attempt_ms", delivery.next_attempt_ms},
            {"created_ms", delivery.created_ms},
            {"claim", document.claim},
            {"tries", document.tries},
            {"since_ms", document.since_ms}};
}

Result<DeliveryDocument> from_record(documents::Record record) {
    const json::object& body = record.body;
    DeliveryDocument document;
    Delivery& delivery = document.delivery;
    delivery.id = text_or(body, "id");
    const std::string state = text_or(body, "state");
    const auto known = {State::waiting, State::delivered, State::given_up};
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](State candidate) { return to_text(candidate) == state; });
    if (found == known.end() || delivery.id.empty())
        return fail(ErrorCode::corrupt, "the document of the delivery \"{}\" can't be understood",
                    delivery.id);
    delivery.state = *found;
    delivery.url = text_or(body, "url");
    delivery.payload = text_or(body, "payload");
    delivery.next_attempt_ms = integer_member(body, "next_attempt_ms").value_or(0);
    delivery.created_ms = integer_member(body, "created_ms").value_or(0);
    if (const auto* attempts = array_member(body, "attempts")) {
        for (const auto& value : *attempts) {
            const json::object* attempt = value.if_object();
            if (!attempt) continue;
            delivery.attempts.push_back(
                {integer_member(*attempt, "at_ms").value_or(0),
                 static_cast<int>(integer_member(*attempt, "http_status").value_or(0)),
                 text_or(*attempt, "outcome"), integer_member(*attempt, "took_ms").value_or(0)});
        }
    }
    document.revision = std::move(record.revision);
    document.claim = text_or(body, "claim");
    document.tries = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(integer_member(body, "tries").value_or(0), 0, 1'000'000));
    document.since_ms = integer_member(body, "since_ms").value_or(delivery.created_ms);
    return document;
}

}  // namespace

Result<> DeliveryStore::prepare() {
    const std::array<std::string, 3> due_time{"type", "state", "next_attempt_ms"};
    const std::array<std::string, 2> creation{"type", "created_ms"};
    DAVENPORT_TRY(control_->ensure_index(by_due_time, due_time));
    DAVENPORT_TRY(control_->ensure_index(by_creation, creation));
    return {};
}

Result<> DeliveryStore::create(const DeliveryDocument& document) {
    const auto written = documents::retry_transient([&] {
        return documents::write_record(*control_, document_id(document.delivery.id),
                                       to_body(document), {});
    });
    if (!written && written.error().code == ErrorCode::conflict)
        return fail(ErrorCode::already_exists, "a delivery {} exists", document.delivery.id);
    DAVENPORT_TRY(written);
    return {};
}

Result<DeliveryDocument> DeliveryStore::read(std::string_view id) {
    auto record = documents::read_record(*control_, document_id(id));
    if (!record) {
        if (record.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no delivery {}", id);
        return fail(std::move(record).error());
    }
    return from_record(std::move(*record));
}

Result<> DeliveryStore::write(DeliveryDocument& document) {
    DAVENPORT_ASSIGN(document.revision,
                     documents::write_record(*control_, document_id(document.delivery.id),
                                             to_body(document), document.revision));
    return {};
}

Result<std::vector<DeliveryDocument>> DeliveryStore::find(const documents::Query& query) {
    DAVENPORT_ASSIGN(const auto found, control_->find(query));
    std::vector<DeliveryDocument> documents;
    documents.reserve(found.size());
    for (const auto& document : found) {
        DAVENPORT_ASSIGN(auto record, documents::to_record(document));
        // One damaged document must not stop the work on all others.
        auto delivery = from_record(std::move(record));
        if (delivery) documents.push_back(std::move(*delivery));
    }
    return documents;
}

Result<std::vector<DeliveryDocument>> DeliveryStore::earliest_waiting(std::uint64_t limit) {
    documents::Query query;
    query.index = by_due_time;
    query.equals = {documents::query_text("delivery"), documents::query_text("waiting")};
    query.limit = limit;
    return find(query);
}

Result<std::uint64_t> DeliveryStore::count_waiting() {
    documents::Query query;
    query.index = by_due_time;
    query.equals = {documents::query_text("delivery"), documents::query_text("waiting")};
    return control_->count(query);
}

Result<std::vector<DeliveryDocument>> DeliveryStore::newest(std::uint64_t limit,
                                                            std::uint64_t skip) {
    documents::Query query;
    query.index = by_creation;
    query.equals = {documents::query_text("delivery")};
    query.descending = true;
    query.limit = limit;
    query.skip = skip;
    return find(query);
}

Result<> DeliveryStore::remove_ended_before(std::int64_t unix_ms, std::uint64_t limit) {
    for (const State state : {State::delivered, State::given_up}) {
        documents::Query query;
        query.index = by_due_time;
        query.equals = {documents::query_text("delivery"), documents::query_text(to_text(state))};
        query.to = std::to_string(unix_ms);
        query.limit = limit;
        DAVENPORT_ASSIGN(const auto old, find(query));
        for (const DeliveryDocument& document : old) {
            // A conflict: another instance removed it, or somebody replays it just now.
            auto removed = documents::remove_record(*control_, document_id(document.delivery.id),
                                                    document.revision);
            if (!removed && removed.error().code != ErrorCode::conflict &&
                removed.error().code != ErrorCode::not_found)
                return removed;
        }
    }
    return {};
}

}  // namespace davenport::webhooks
