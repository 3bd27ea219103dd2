#pragma once

#include "davenport/audit/event.hpp"
#include "davenport/audit/verification.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/base/signature.hpp"
#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::audit {

struct Options {
    std::string log_id;               // tells this log from others; the same for all its writers
    std::string head_file;            // where the newest signed head is kept, empty = nowhere
    std::int64_t keep_ms = 0;         // older lines are removed; 0 = for ever
    std::uint64_t keep_lines = 1000;  // of the newest, whatever their age
    // By which they grow old, and which must outlive the log; null = by the clock of the log. What
    // is removed is gone: a clock that was set forward must not decide on it.
    const Clock* keep_clock = nullptr;
};

// The audit log: lines of JSON, numbered from 1, each with the SHA-256 of the line before it, its
// own checksum and the writer's signature (base/sealed_text.hpp). They are kept in the control
// database; every process on it appends to the one chain. docs/audit.md describes it for auditors.
// Thread-safe.
class Log {
  public:
    // `key` and `clock` must outlive it. Publishes the public key in the control database.
    static Result<std::unique_ptr<Log>> open(std::shared_ptr<documents::Database> control,
                                             const Clock& clock, const SigningKey& key,
                                             Options options);
    virtual ~Log() = default;  // stops

    // Starts the thread that writes counts, postponed lines and heads, and removes old lines.
    virtual void start() = 0;
    // Writes what is pending, as far as it can be written.
    virtual void stop() = 0;

    // Durable when it returns: the line's number. Calls that come together share one write.
    // Errors: those of the store; then nothing may count as recorded.
    virtual Result<std::uint64_t> record(const Event& event) = 0;
    // For outcomes of what is recorded as begun and has happened: a line that can't be written now
    // is kept in memory and written as soon as that works.
    virtual void record_outcome(const Event& event) = 0;
    // For what is done over and over, such as asking how far a backup is: the first is a line at
    // once; the same again (action, who, target, from, outcome) within the next minute is counted,
    // and the count is a line when the minute is over. A crash loses that count.
    virtual Result<> record_repeating(const Event& event) = 0;
    // The same for callers that have proven nothing. All of them together have a budget of lines
    // (60, and 6 more a minute); what is beyond it is counted in one line a minute.
    virtual Result<> record_unproven(const Event& event) = 0;

    struct Page {
        std::vector<std::string> lines;
        bool more = false;  // there were lines after these
    };
    // Lines after `since`, oldest first; at most `limit`.
    virtual Result<Page> list(std::uint64_t since, std::uint64_t limit) = 0;
    virtual Result<Page> newest(std::uint64_t limit) = 0;  // the last ones, oldest first

    // Everything there is at this moment, then its signed head: NDJSON, piece by piece, in flat
    // memory. The reader must not outlive the log and is not thread-safe.
    class Export {
      public:
        virtual ~Export() = default;
        virtual Result<std::string> next() = 0;  // some whole lines; empty = end
    };
    virtual Result<std::unique_ptr<Export>> export_all() = 0;
    // Reads everything; takes as long as that. `stopping` may be empty.
    virtual Result<Verification> verify(const std::function<bool()>& stopping) = 0;

    // Removes lines that are too old, oldest first, after a line that says which: how many.
    virtual Result<std::uint64_t> trim() = 0;

    // Writes counts whose minute is over (all with Due::all) and what was postponed.
    enum class Due { over, all };
    virtual Result<> flush(Due due) = 0;
    // Writes the head file when there are new lines.
    virtual Result<> keep_head() = 0;
};

}  // namespace davenport::audit
