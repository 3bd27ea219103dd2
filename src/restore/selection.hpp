#pragma once

#include "davenport/restore/restore.hpp"
#include "winners.hpp"

#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace davenport::restore {

using SkippedIds = std::set<std::string, std::less<>>;

// The ids that `options` skip in a database; lives as long as the options.
const SkippedIds& skipped_ids(const RestoreOptions& options, std::string_view database);

// The documents of one database of a source that a restore has to write: the last with each id, or
// all leaves for an exact history, without the skipped ones. Not thread-safe, but may move between
// threads.
class Selection {
  public:
    // All must outlive it.
    static Result<std::unique_ptr<Selection>> open(Source& source, const SourceDatabase& database,
                                                   History history, Winners& winners,
                                                   const SkippedIds& skip);
    // nullptr = end. Valid until the next call.
    Result<const SourceDocument*> next();
    std::uint64_t read() const { return read_; }        // of the source so far
    std::uint64_t skipped() const { return skipped_; }  // documents that are on the list so far

  private:
    Selection(std::unique_ptr<SourceCursor> documents, Winners& winners, const SkippedIds& skip)
        : documents_(std::move(documents)), winners_(winners), skip_(skip) {}

    std::unique_ptr<SourceCursor> documents_;
    Winners& winners_;
    const SkippedIds& skip_;
    std::uint64_t read_ = 0;
    std::uint64_t skipped_ = 0;
};

}  // namespace davenport::restore
