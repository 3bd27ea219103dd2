#pragma once

#include "ledger.hpp"

#include <span>

namespace davenport::chat {

// Writes a number of rows with their claims. Used by the ledger, in the thread whose turn it is.
class RowBatch {
  public:
    struct Item {
        const NewRow* row = nullptr;
        std::optional<Result<CreatedRow>> outcome;
        std::uint64_t number = 0;
        std::uint64_t before = 0;
        std::vector<std::string> revisions;  // of its claims as they stand; empty texts = none
        // Step by step: the revisions of those that it wrote itself, whether they are all, and when
        // (Unix seconds).
        std::vector<std::string> own;
        bool claimed = false;
        std::int64_t claimed_at = 0;
    };

    // `mark` is written into every claim.
    RowBatch(Ledger& ledger, const Clock& clock, std::string mark = {})
        : ledger_(ledger), clock_(clock), mark_(std::move(mark)) {}

    // Every item gets its outcome.
    void write(std::vector<Item>& items);

    // All under the numbers from `first`, or conflict when a number or a claim was taken meanwhile;
    // already_exists when a claim is held. After an error some may have been written if the engine
    // has no transactions.
    Result<> write_under(const std::vector<NewRow>& rows, std::uint64_t first,
                         const std::function<Result<>(std::uint64_t)>& written);

  private:
    using Items = std::vector<Item*>;
    enum class Claims { free, held, awaited };

    Result<bool> attempt(const Items& open);  // true = something is left for another attempt
    Result<std::vector<Claims>> look_at_claims(const Items& items);
    Result<> look_at_free(const Items& items);  // an error unless all are
    Claims look_at(Item& item, std::span<ClaimState> states);
    Result<> give_numbers(const Items& items);
    Result<> write_at_once(const Items& items);
    Result<> write_claims(const Items& items);  // those that lost theirs stay unclaimed
    Result<bool> keeps_claims(const Item& item);
    // What came before it in its room, when not all was written as planned.
    Result<> look_before(Item& item);
    Result<> write_rows(const Items& items);
    std::int64_t now() const { return clock_.now_ms() / 1000; }

    Ledger& ledger_;
    const Clock& clock_;
    const std::string mark_;
};

}  // namespace davenport::chat
