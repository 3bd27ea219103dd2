#include "attachment_text.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"

#include <algorithm>

namespace davenport::vault {

Result<> collect_attachments(std::string_view text, std::vector<Sha256Digest>& digests) {
    DAVENPORT_ASSIGN(const json::object attachments, parse_json_object(text));
    for (const auto& attachment : attachments) {
        const json::object* facts = attachment.value().if_object();
        if (!facts)
            return fail(ErrorCode::invalid_argument, "an attachment's description is no object");
        const json::value* member = facts->if_contains("sha256");
        if (!member) continue;
        const json::string* hex = member->if_string();
        const auto bytes = hex ? from_hex({hex->data(), hex->size()})
                               : Result<std::string>(fail(ErrorCode::invalid_argument, "no text"));
        Sha256Digest digest;
        if (!bytes || bytes->size() != digest.size())
            return fail(ErrorCode::invalid_argument,
                        "an attachment's sha256 is not a hash of 64 hex digits");
        std::copy(bytes->begin(), bytes->end(), digest.begin());
        digests.push_back(digest);
    }
    return {};
}

}  // namespace davenport::vault
