#include "transaction_document.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace davenport::webhooks {
namespace {

std::optional<Status> status_of(std::string_view text) {
    for (const Status status : {Status::pending, Status::success, Status::error})
        if (to_text(status) == text) return status;
    return std::nullopt;
}

std::uint64_t count_of(const json::object& body, std::string_view key) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(integer_member(body, key).value_or(0), 0));
}

std::uint32_t step_of(const json::object& body, std::string_view key) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(count_of(body, key), std::numeric_limits<std::uint32_t>::max()));
}

json::array array_of(const std::vector<std::string>& texts) {
    json::array array;
    for (const std::string& text : texts) array.emplace_back(text);
    return array;
}

}  // namespace

std::string_view to_text(Status status) {
    switch (status) {
        case Status::pending:
            return "pending";
        case Status::success:
            return "success";
        case Status::error:
            return "error";
    }
    return "error";
}

json::object to_json(const Transaction& transaction) {
    json::object object{{"tx_id", transaction.tx_id},
                        {"description", transaction.description},
                        {"status", to_text(transaction.status)},
                        {"by", transaction.by},
                        {"uuid", transaction.uuid},
                        {"on_step", transaction.on_step},
                        {"total_steps", transaction.total_steps},
                        {"sub_type", transaction.sub_type},
                        {"ts_started", transaction.started_ms},
                        {"ts_completed", nullptr},
                        {"athena_messages", array_of(transaction.athena_messages)},
                        {"message", transaction.message},
                        {"progress", json::object{{"docs_done", transaction.documents_done},
                                                  {"docs_total", transaction.documents_total},
                                                  {"bytes", transaction.bytes}}}};
    if (transaction.completed_ms != 0) object["ts_completed"] = transaction.completed_ms;
    return object;
}

std::string transaction_document_id(std::string_view tx_id) {
    return "webhook_tx/" + std::string(tx_id);
}

json::object to_body(const Transaction& transaction) {
    return {{"type", "webhook_tx"},
            {"tx_id", transaction.tx_id},
            {"description", transaction.description},
            {"status", to_text(transaction.status)},
            {"ended", transaction.status == Status::pending ? 0 : 1},  // for the order of lists
            {"by", transaction.by},
            {"uuid", transaction.uuid},
            {"on_step", transaction.on_step},
            {"total_steps", transaction.total_steps},
            {"sub_type", transaction.sub_type},
            {"started_ms", transaction.started_ms},
            {"completed_ms", transaction.completed_ms},
            {"athena_messages", array_of(transaction.athena_messages)},
            {"message", transaction.message},
            {"documents_done", transaction.documents_done},
            {"documents_total", transaction.documents_total},
            {"bytes", transaction.bytes},
            {"client_webhook_url", transaction.client_webhook_url}};
}

Result<Transaction> transaction_of(const json::object& body) {
    Transaction transaction;
    transaction.tx_id = text_or(body, "tx_id");
    const auto status = status_of(text_or(body, "status"));
    if (!status || transaction.tx_id.empty())
        return fail(ErrorCode::corrupt,
                    "the document of the transaction \"{}\" can't be understood",
                    transaction.tx_id);
    transaction.status = *status;
    transaction.description = text_or(body, "description");
    transaction.by = text_or(body, "by");
    transaction.uuid = text_or(body, "uuid");
    transaction.on_step = step_of(body, "on_step");
    transaction.total_steps = step_of(body, "total_steps");
    transaction.sub_type = text_or(body, "sub_type");
    transaction.started_ms = integer_member(body, "started_ms").value_or(0);
    transaction.completed_ms = integer_member(body, "completed_ms").value_or(0);
    if (const auto* messages = array_member(body, "athena_messages"))
        for (const auto& message : *messages)
            if (const auto* text = message.if_string())
                transaction.athena_messages.emplace_back(text->data(), text->size());
    transaction.message = text_or(body, "message");
    transaction.documents_done = count_of(body, "documents_done");
    transaction.documents_total = count_of(body, "documents_total");
    transaction.bytes = count_of(body, "bytes");
    transaction.client_webhook_url = text_or(body, "client_webhook_url");
    return transaction;
}

}  // namespace davenport::webhooks
