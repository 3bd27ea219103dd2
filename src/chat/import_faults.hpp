#pragma once

#include "davenport/base/json.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// What is wrong with the rows of a file: of each faulty row the first fault that was found. All
// faulty rows are counted; those that come first in the file are kept.
class ImportFaults {
  public:
    explicit ImportFaults(const json::array& rows) : rows_(&rows), faulty_(rows.size(), false) {}

    // `row` counts from 0 here, and from 1 in what is told. Nothing happens when the fault is empty
    // or the row has one already. An empty field: the row itself.
    void add(std::size_t row, std::string_view field, std::string_view fault);

    bool none() const { return count_ == 0; }
    bool has(std::size_t row) const { return faulty_[row]; }
    std::size_t count() const { return count_; }
    // The first fault in words, and how many rows are faulty.
    std::string message() const;
    // [{"position","field","message","row"}, …], at most max_import_faults of them. Long values of
    // rows are cut, and passwords and tokens are left out.
    json::array to_json() const;

  private:
    struct Fault {
        std::string field, message;
    };

    const json::array* rows_;  // must outlive it
    std::vector<bool> faulty_;
    std::size_t count_ = 0;
    std::map<std::size_t, Fault> kept_;
};

}  // namespace davenport::chat
