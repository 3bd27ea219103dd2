#include "davenport/webhooks/transactions.hpp"

#include "davenport/documents/records.hpp"
#include "transaction_document.hpp"

#include <algorithm>
#include <array>

namespace davenport::webhooks {
namespace {

using documents::Edit;

constexpr std::string_view by_end = "webhook_txs_by_end";

enum class Which { pending, ended };

documents::Query query_for(Which which) {
    documents::Query query;
    query.index = by_end;
    query.equals = {"\"webhook_tx\"", which == Which::ended ? "1" : "0"};
    query.descending = true;  // newest first
    return query;
}

class StoredTransactions final : public Transactions {
  public:
    StoredTransactions(std::shared_ptr<documents::Database> control, const Clock& clock)
        : control_(std::move(control)), clock_(clock) {}

    Result<> prepare() {
        const std::array<std::string, 3> fields{"type", "ended", "started_ms"};
        return control_->ensure_index(by_end, fields);
    }

    Result<> create(const Transaction& transaction) override {
        if (transaction.tx_id.empty())
            return fail(ErrorCode::invalid_argument, "a transaction needs an id");
        const auto written = documents::retry_transient([&] {
            return documents::write_record(*control_, transaction_document_id(transaction.tx_id),
                                           to_body(transaction), {});
        });
        if (!written && written.error().code == ErrorCode::conflict)
            return fail(ErrorCode::already_exists, "a transaction {} exists", transaction.tx_id);
        DAVENPORT_TRY(written);
        return {};
    }

    Result<Transaction> get(std::string_view tx_id) override {
        const auto record = documents::read_record(*control_, transaction_document_id(tx_id));
        if (!record) return fail(named(record.error(), tx_id));
        return transaction_of(record->body);
    }

    Result<Page> list(std::uint64_t limit, std::uint64_t skip) override {
        DAVENPORT_ASSIGN(const std::uint64_t pending, control_->count(query_for(Which::pending)));
        DAVENPORT_ASSIGN(const std::uint64_t ended, control_->count(query_for(Which::ended)));
        Page page;
        page.total = pending + ended;
        DAVENPORT_TRY(append(page, query_for(Which::pending), limit, skip));
        const std::uint64_t left = limit - std::min<std::uint64_t>(limit, page.transactions.size());
        DAVENPORT_TRY(append(page, query_for(Which::ended), left, skip - std::min(skip, pending)));
        return page;
    }

    Result<> report(const Transaction& progress) override {
        const auto change = [&](json::object& body) -> Result<Edit> {
            DAVENPORT_ASSIGN(Transaction transaction, transaction_of(body));
            if (transaction.status != Status::pending) return Edit::keep;
            transaction.on_step = progress.on_step;
            transaction.total_steps = progress.total_steps;
            transaction.documents_done = progress.documents_done;
            transaction.documents_total = progress.documents_total;
            transaction.bytes = progress.bytes;
            body = to_body(transaction);
            return Edit::write;
        };
        const auto updated =
            documents::update_record(*control_, transaction_document_id(progress.tx_id), change);
        if (!updated) return fail(named(updated.error(), progress.tx_id));
        return {};
    }

    Result<Transaction> finish(std::string_view tx_id, Status status, std::string message,
                               std::vector<std::string> athena_messages) override {
        if (status == Status::pending)
            return fail(ErrorCode::invalid_argument, "a transaction ends as success or error");
        const auto change = [&](json::object& body) -> Result<Edit> {
            DAVENPORT_ASSIGN(Transaction transaction, transaction_of(body));
            if (transaction.status == status) return Edit::keep;
            if (transaction.status != Status::pending)
                return fail(ErrorCode::conflict, "the transaction {} has ended as {}", tx_id,
                            to_text(transaction.status));
            transaction.status = status;
            transaction.message = message;
            transaction.athena_messages = athena_messages;
            transaction.completed_ms = clock_.now_ms();
            body = to_body(transaction);
            return Edit::write;
        };
        const auto updated =
            documents::update_record(*control_, transaction_document_id(tx_id), change);
        if (!updated) return fail(named(updated.error(), tx_id));
        return transaction_of(updated->body);
    }

  private:
    static Error named(Error error, std::string_view tx_id) {
        if (error.code == ErrorCode::not_found)
            error.message = fmt::format("there is no transaction {}", tx_id);
        return error;
    }

    Result<> append(Page& page, documents::Query query, std::uint64_t limit, std::uint64_t skip) {
        if (limit == 0) return {};
        query.limit = limit;
        query.skip = skip;
        DAVENPORT_ASSIGN(const auto found, control_->find(query));
        for (const auto& document : found) {
            DAVENPORT_ASSIGN(const auto record, documents::to_record(document));
            DAVENPORT_ASSIGN(auto transaction, transaction_of(record.body));
            page.transactions.push_back(std::move(transaction));
        }
        return {};
    }

    const std::shared_ptr<documents::Database> control_;
    const Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<Transactions>> Transactions::open(
    std::shared_ptr<documents::Database> control, const Clock& clock) {
    if (!control) return fail(ErrorCode::invalid_argument, "transactions need a control database");
    auto transactions = std::make_unique<StoredTransactions>(std::move(control), clock);
    DAVENPORT_TRY(transactions->prepare());
    return transactions;
}

}  // namespace davenport::webhooks
