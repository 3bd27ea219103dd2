#include "davenport/chat/transfers.hpp"

#include "davenport/documents/records.hpp"

#include <algorithm>
#include <array>

namespace davenport::chat {
namespace {

constexpr std::string_view by_application = "chat_transfers";
constexpr std::uint64_t furthest = 1'000'000'000;

std::string_view type_of(Direction direction) {
    return direction == Direction::out ? "chat_export" : "chat_import";
}

std::string document_id(Direction direction, std::string_view id) {
    return fmt::format("{}/{}", type_of(direction), id);
}

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

json::object to_body(const Transfer& transfer) {
    return {{"type", view(type_of(transfer.direction))},
            {"id", transfer.id},
            {"app", transfer.application},
            {"resource", view(to_text(transfer.resource))},
            {"status", view(to_text(transfer.status))},
            {"original_filename", transfer.original_filename},
            {"created_at", transfer.created_at},
            {"created_ms", transfer.created_ms},
            {"size", transfer.size},
            {"rows", transfer.rows},
            {"percentage", transfer.percentage},
            {"error", transfer.error},
            {"details", transfer.details}};
}

Result<Transfer> from_body(Direction direction, const json::object& body) {
    Transfer transfer;
    transfer.direction = direction;
    transfer.id = text_or(body, "id");
    transfer.application = text_or(body, "app");
    DAVENPORT_ASSIGN(transfer.resource, parse_resource(text_or(body, "resource")));
    const std::string status = text_or(body, "status");
    transfer.status = status == "finished" ? Transfer::Status::finished
                      : status == "failed" ? Transfer::Status::failed
                                           : Transfer::Status::started;
    transfer.original_filename = text_or(body, "original_filename");
    transfer.created_at = text_or(body, "created_at");
    transfer.created_ms = integer_member(body, "created_ms").value_or(0);
    transfer.size = static_cast<std::uint64_t>(integer_member(body, "size").value_or(0));
    transfer.rows = static_cast<std::uint64_t>(integer_member(body, "rows").value_or(0));
    transfer.percentage =
        static_cast<std::uint32_t>(integer_member(body, "percentage").value_or(0));
    transfer.error = text_or(body, "error");
    if (const json::object* details = object_member(body, "details")) transfer.details = *details;
    return transfer;
}

tl::unexpected<Error> missing(Direction direction, std::string_view id) {
    return fail(ErrorCode::not_found, "there is no {} \"{}\"",
                direction == Direction::out ? "export" : "import", id);
}

}  // namespace

std::string_view to_text(Resource resource) {
    switch (resource) {
        case Resource::users:
            return "users";
        case Resource::rooms:
            return "rooms";
        case Resource::comments:
            return "comments";
    }
    return "comments";
}

Result<Resource> parse_resource(std::string_view text) {
    for (const Resource resource : {Resource::users, Resource::rooms, Resource::comments})
        if (to_text(resource) == text) return resource;
    return fail(ErrorCode::invalid_argument,
                "type: it must be \"users\", \"rooms\" or \"comments\"");
}

std::string_view to_text(Transfer::Status status) {
    switch (status) {
        case Transfer::Status::started:
            return "started";
        case Transfer::Status::finished:
            return "finished";
        case Transfer::Status::failed:
            return "failed";
    }
    return "failed";
}

Result<std::unique_ptr<Transfers>> Transfers::open(std::shared_ptr<documents::Database> control) {
    const std::array<std::string, 3> fields{"type", "app", "created_ms"};
    DAVENPORT_TRY(control->ensure_index(by_application, fields));
    return std::unique_ptr<Transfers>(new Transfers(std::move(control)));
}

Result<> Transfers::create(const Transfer& transfer) {
    json::object body = to_body(transfer);
    {
        // Lists are in this order: of one millisecond only one is newest.
        const std::lock_guard lock(mutex_);
        newest_ms_ = std::max(newest_ms_ + 1, transfer.created_ms);
        body["created_ms"] = newest_ms_;
    }
    DAVENPORT_TRY(
        documents::write_record(*control_, document_id(transfer.direction, transfer.id), body, {}));
    return {};
}

Result<Transfer> Transfers::get(Direction direction, std::string_view application,
                                std::string_view id) {
    auto record = documents::read_record(*control_, document_id(direction, id));
    if (!record && (record.error().code == ErrorCode::not_found ||
                    record.error().code == ErrorCode::invalid_argument))
        return missing(direction, id);
    if (!record) return fail(std::move(record).error());
    DAVENPORT_ASSIGN(Transfer transfer, from_body(direction, record->body));
    if (transfer.application != application) return missing(direction, id);
    return transfer;
}

Result<std::vector<Transfer>> Transfers::list(Direction direction, std::string_view application,
                                              std::uint64_t page, std::uint64_t per_page) {
    std::vector<Transfer> transfers;
    if (page - 1 > furthest / per_page) return transfers;
    documents::Query query;
    query.index = by_application;
    std::string type, app;
    append_quoted(type, type_of(direction));
    append_quoted(app, application);
    query.equals = {type, app};
    query.descending = true;
    query.limit = per_page;
    query.skip = (page - 1) * per_page;
    DAVENPORT_ASSIGN(const auto found, control_->find(query));
    for (const documents::Document& document : found) {
        DAVENPORT_ASSIGN(const documents::Record record, documents::to_record(document));
        DAVENPORT_ASSIGN(Transfer transfer, from_body(direction, record.body));
        transfers.push_back(std::move(transfer));
    }
    return transfers;
}

Result<> Transfers::finish(const Transfer& ended) {
    DAVENPORT_TRY(documents::update_record(*control_, document_id(ended.direction, ended.id),
                                           [&](json::object& body) -> Result<documents::Edit> {
                                               if (text_or(body, "status") !=
                                                   to_text(Transfer::Status::started))
                                                   return documents::Edit::keep;
                                               body = to_body(ended);
                                               return documents::Edit::write;
                                           }));
    return {};
}

Result<> Transfers::note(const Transfer& transfer) {
    DAVENPORT_TRY(documents::update_record(*control_, document_id(transfer.direction, transfer.id),
                                           [&](json::object& body) -> Result<documents::Edit> {
                                               if (text_or(body, "status") !=
                                                   to_text(Transfer::Status::started))
                                                   return documents::Edit::keep;
                                               body["details"] = transfer.details;
                                               return documents::Edit::write;
                                           }));
    return {};
}

Result<> Transfers::remove(const Transfer& transfer) {
    const std::string id = document_id(transfer.direction, transfer.id);
    while (true) {
        auto record = documents::read_record(*control_, id);
        if (!record && record.error().code == ErrorCode::not_found)
            return missing(transfer.direction, transfer.id);
        if (!record) return fail(std::move(record).error());
        auto removed = documents::remove_record(*control_, id, record->revision);
        // It has just ended, or somebody else deletes it.
        if (!removed && removed.error().code == ErrorCode::conflict) continue;
        return removed;
    }
}

}  // namespace davenport::chat
