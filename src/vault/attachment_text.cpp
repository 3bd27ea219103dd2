#include "attachment_text.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "davenport/vault/revisions.hpp"

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

Result<> collect_attachments(const Record& record, std::vector<Sha256Digest>& digests) {
    if (!record.attachments.empty())
        DAVENPORT_TRY(collect_attachments(record.attachments, digests));
    Result<> collected;
    for_each_leaf_attachments(record.extra, [&](std::string_view attachments) {
        if (collected) collected = collect_attachments(attachments, digests);
    });
    return collected;
}

bool names_attachments(const Record& record) {
    return !record.attachments.empty() ||
           record.extra.find("\"attachments\"") != std::string_view::npos;
}

}  // namespace davenport::vault
