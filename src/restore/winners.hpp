#pragma once

#include "davenport/restore/source.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace davenport::restore {

// Which documents of a source's database stand: of several with one id the last in the array,
// however far apart they are. Costs a pass over the ids when their order is not known; only if they
// turn out not to ascend are they kept, in a temporary database on disk, so that memory stays flat.
// Not thread-safe, but may move between threads.
class Winners {
  public:
    static Result<std::unique_ptr<Winners>> of(Source& source, const SourceDatabase& database);
    virtual ~Winners() = default;
    // `position` in the array, from 0.
    virtual Result<bool> stands(std::string_view id, std::uint64_t position) = 0;
    // Every id once, ascending by bytes.
    virtual Result<std::unique_ptr<IdCursor>> ids() = 0;
};

}  // namespace davenport::restore
