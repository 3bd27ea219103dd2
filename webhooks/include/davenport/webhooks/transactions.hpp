#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::webhooks {

enum class Status { pending, success, error };
std::string_view to_text(Status status);

// The record of one asynchronous operation that its caller can poll, and that is posted to the
// caller's webhook when it ends. One document `webhook_tx/<tx_id>` in the control database.
struct Transaction {
    std::string tx_id;
    std::string description;
    Status status = Status::pending;
    std::string by;    // who asked: the key's name
    std::string uuid;  // names the operation across systems
    std::uint32_t on_step = 0;
    std::uint32_t total_steps = 0;
    std::string sub_type;  // "backup_restore"
    std::int64_t started_ms = 0;
    std::int64_t completed_ms = 0;  // 0 = not yet
    std::vector<std::string> athena_messages;
    std::string message;
    std::uint64_t documents_done = 0;
    std::uint64_t documents_total = 0;
    std::uint64_t bytes = 0;
    std::string client_webhook_url;  // not shown to readers (it can hold a token)
};

// The object of the HTTP API and of the POST to the client: the seed's field names, ts_* in Unix
// ms.
json::object to_json(const Transaction& transaction);

// Thread-safe.
class Transactions {
  public:
    static Result<std::unique_ptr<Transactions>> open(std::shared_ptr<documents::Database> control,
                                                      const Clock& clock);
    virtual ~Transactions() = default;

    virtual Result<> create(const Transaction& transaction) = 0;
    virtual Result<Transaction> get(std::string_view tx_id) = 0;  // not_found
    // Pending first, then newest. `total` counts all.
    struct Page {
        std::uint64_t total = 0;
        std::vector<Transaction> transactions;
    };
    virtual Result<Page> list(std::uint64_t limit, std::uint64_t skip) = 0;
    // Steps and counts of a pending transaction; ignored once it has ended.
    virtual Result<> report(const Transaction& progress) = 0;
    // Ends it, once: ending it again the same way is fine (a crash in between), another way is a
    // conflict. Returns what now stands.
    virtual Result<Transaction> finish(std::string_view tx_id, Status status, std::string message,
                                       std::vector<std::string> athena_messages) = 0;
};

}  // namespace davenport::webhooks
