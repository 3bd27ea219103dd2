#pragma once

#include <string>
#include <string_view>

namespace davenport::http {

// {"statusCode":400,"error":"bad_request","reason":"…"}. The reason is a sentence of ours: it holds
// nothing that would have to be escaped in JSON.
std::string error_body(int status, std::string_view reason);

}  // namespace davenport::http
