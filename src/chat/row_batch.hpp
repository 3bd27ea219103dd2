#pragma once

#include "ledger.hpp"

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

    RowBatch(Ledger& ledger, const Clock& clock) : ledger_(ledger), clock_(clock) {}

    // Every item gets its outcome.
    void write(std::vector<Item>& items);

    // All under the numbers from `first`, or conflict when a number or a claim was taken meanwhile;
    // already_exists when a claim is held. After an error some may have been written.
    Result<> write_under(const std::vector<NewRow>& rows, std::uint64_t first,
                         const std::function<Result<>(std::uint64_t)>& written);

  private:
    using Items = std::vector<Item*>;
    enum class Claims { free, held, awaited };

    Result<bool> attempt(const Items& open);  // true = something is left for another attempt
    Result<Claims> look_at_claims(Item& item);
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
};

}  // namespace davenport::chat
