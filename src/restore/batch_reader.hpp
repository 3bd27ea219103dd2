#pragma once

#include "selection.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace davenport::restore {

// Documents to be written in one call, with everything they refer to.
struct Batch {
    std::vector<documents::DocumentWrite> writes;
    std::uint64_t read = 0;     // documents of the source up to here
    std::uint64_t skipped = 0;  // of them, on the skip list
    std::uint64_t bytes = 0;    // of ids, bodies and attachments held in memory
    bool deletions = false;     // there are some among the writes
    bool last = false;          // nothing comes after it; it may be empty

    void add(const SourceDocument& document);

  private:
    std::string_view copy(std::string_view text);
    std::unique_ptr<std::pmr::monotonic_buffer_resource> texts_ =
        std::make_unique<std::pmr::monotonic_buffer_resource>();
    std::deque<std::vector<std::string>> histories_;
};

// Reads a selection on a thread of its own, so that unpacking the next batch goes on while the last
// one is written. At most one batch waits. `next` is for one thread; destroying it ends the
// reading.
class BatchReader {
  public:
    BatchReader(std::unique_ptr<Selection> selection, std::size_t max_documents,
                std::size_t max_bytes);
    ~BatchReader();
    BatchReader(const BatchReader&) = delete;
    BatchReader& operator=(const BatchReader&) = delete;

    // After the batch that says `last`, or an error, do not call again.
    Result<Batch> next();

  private:
    void read_all();
    Result<Batch> read_batch();
    bool put(Result<Batch> batch);  // false: nobody wants any more

    std::unique_ptr<Selection> selection_;
    const std::size_t max_documents_;
    const std::size_t max_bytes_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Result<Batch>> waiting_;  // oldest first
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace davenport::restore
