#pragma once

#include "davenport/vault/record.hpp"

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace davenport::replication {

// Copies of records, to be put in id order. Its size is what was asked of it, not what there is, so
// that a backup of any database stays within its memory. Not thread-safe.
class RecordBuffer {
  public:
    void add(const vault::Record& record);
    // By id; of several records with one id only the one added last stays.
    void sort();
    void clear();

    std::uint64_t bytes() const { return bytes_; }
    const std::vector<vault::Record>& records() const { return records_; }

  private:
    std::string_view copy(std::string_view text);

    std::pmr::monotonic_buffer_resource texts_;
    std::vector<vault::Record> records_;  // views into texts_
    std::uint64_t bytes_ = 0;
};

}  // namespace davenport::replication
