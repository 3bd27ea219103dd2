#pragma once

#include "davenport/base/result.hpp"

#include <string_view>
#include <utility>

namespace davenport::service {

// What a setting names can't be used: a mistake in the configuration, which trying again does not
// mend. A full disk is none.
inline tl::unexpected<Error> unusable(std::string_view setting, Error error) {
    if (error.code != ErrorCode::no_space) error.code = ErrorCode::invalid_argument;
    error.message = fmt::format("{}: {}", setting, error.message);
    return fail(std::move(error));
}

}  // namespace davenport::service
