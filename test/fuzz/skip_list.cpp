// Skip lists of restores.
#include "davenport/restore/skip_list.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/documents/document.hpp"
#include "fuzz/fuzzer.hpp"

namespace davenport::fuzz {
namespace {

std::string as_json(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
            if (c == '"' || c == '\\') quoted += '\\';
            quoted += c;
        }
    }
    return quoted + '"';
}

}  // namespace

void run(std::string_view input) {
    const auto ids = restore::parse_skip_list("skip_ids", input);
    if (!ids) {
        require(ids.error().code == ErrorCode::invalid_argument, "the fault is the input's");
        require(find_invalid_utf8(ids.error().message) == std::string_view::npos,
                "a message is UTF-8");
        return;
    }
    std::string list;
    for (const std::string& id : *ids) {
        require(documents::check_document_id(id).has_value(), "every element can be an id");
        list += (list.empty() ? "" : ",") + as_json(id);
    }
    const auto again = restore::parse_skip_list("skip_ids", "[" + list + "]");
    require(again && *again == *ids, "the list means the same when it is written properly");
}

}  // namespace davenport::fuzz
