#include "davenport/api/descriptions.hpp"

namespace davenport::api {

using namespace openapi;

void describe_webhooks(Document& document) {
    document.family("Webhooks", "How restores end, and who was told");
    document.schema("Transaction", R"({"type":"object","properties":{
        "tx_id":{"type":"string"},"description":{"type":"string"},
        "status":{"enum":["pending","success","error"]},"by":{"type":"string"},
        "uuid":{"type":"string"},"on_step":{"type":"integer"},"total_steps":{"type":"integer"},
        "sub_type":{"type":"string"},"ts_started":{"type":"integer"},
        "ts_completed":{"type":"integer"},
        "athena_messages":{"type":"array","items":{"type":"string"}},"message":{"type":"string"},
        "progress":{"type":"object","properties":{"docs_done":{"type":"integer"},
            "docs_total":{"type":"integer"},"bytes":{"type":"integer"}}}}})");
    const std::vector<Parameter> page = {
        {"limit", "at most so many",
         R"({"type":"integer","minimum":0,"maximum":1000,"default":100})"},
        {"skip", "so many are passed over", R"({"type":"integer","minimum":0,"default":0})"},
        {"skip_cache", "not looked at"}};
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/webhooks/txs/:tx",
         .summary = "One transaction, with its progress",
         .answers = {{200, "The transaction", R"({"$ref":"#/components/schemas/Transaction"})"},
                     not_found}});
    document.add_everywhere({.method = "GET",
                             .pattern = "/webhooks",
                             .summary = "Transactions, pending ones first, then the newest",
                             .query = page,
                             .answers = {{200, "A page of them", R"({"type":"object","properties":{
             "total":{"type":"integer"},"matches":{"type":"integer"},"webhooks":{"type":"array",
             "items":{"$ref":"#/components/schemas/Transaction"}}}})"},
                                         bad_request}});
    document.add_everywhere({.method = "GET",
                             .pattern = "/webhooks/deliveries",
                             .summary = "Deliveries with their attempts, newest first",
                             .query = page,
                             .answers = {{200, "A page of them", R"({"type":"object","properties":{
             "deliveries":{"type":"array","items":{"type":"object","properties":{
             "id":{"type":"string"},"state":{"enum":["waiting","delivered","given_up"]},
             "ts_created":{"type":"integer"},"ts_next_attempt":{"type":"integer"},
             "attempts":{"type":"array","items":{"type":"object","properties":{
             "ts":{"type":"integer"},"status":{"type":"integer"},"outcome":{"type":"string"},
             "took_ms":{"type":"integer"}}}}}}}}})"},
                                         bad_request}});
    document.add_everywhere({.method = "POST",
                             .pattern = "/webhooks/deliveries/:id/replay",
                             .summary = "Sends a delivery again now",
                             .answers = {{202, "It is queued", R"({"type":"object","properties":{
                                 "message":{"const":"ok"},"id":{"type":"string"}}})"},
                                         not_found}});
}

}  // namespace davenport::api
