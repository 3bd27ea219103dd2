#pragma once

#include "davenport/blobs/blob_store.hpp"

namespace davenport::blobs {

// A prefix to list by is empty or a name and '/'.
inline Result<> check_prefix(std::string_view prefix) {
    if (prefix.empty()) return {};
    if (prefix.back() != '/')
        return fail(ErrorCode::invalid_argument, "a blob prefix must end in '/'");
    return check_name(prefix.substr(0, prefix.size() - 1));
}

}  // namespace davenport::blobs
