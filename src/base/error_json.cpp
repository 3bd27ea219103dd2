#include "davenport/base/error_json.hpp"

namespace davenport {

std::optional<ErrorCode> error_code_named(std::string_view name) {
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
        if (traits(static_cast<ErrorCode>(code)).name == name) return static_cast<ErrorCode>(code);
    return std::nullopt;
}

json::object to_json(const Error& error) {
    return {
        {"code", traits(error.code).name}, {"message", error.message}, {"detail", error.detail}};
}

Error error_of(const json::object& object) {
    return {error_code_named(text_or(object, "code")).value_or(ErrorCode::internal),
            text_or(object, "message"), text_or(object, "detail")};
}

}  // namespace davenport
