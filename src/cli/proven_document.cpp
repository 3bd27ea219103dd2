#include "proven_document.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_text.hpp"

#include <map>

namespace davenport::cli {
namespace {

using Digests = std::map<std::string, std::string, std::less<>>;  // by attachment

Result<Digests> proven_digests(const vault::Proven& proven) {
    Digests digests;
    if (proven.attachments.empty()) return digests;
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(proven.attachments));
    for (const auto& member : object) {
        const json::object* attachment = member.value().if_object();
        digests.emplace(std::string(member.key()),
                        attachment ? text_or(*attachment, "digest") : std::string());
    }
    return digests;
}

Result<Digests> digests_of(const documents::ParsedDocument& document) {
    Digests digests;
    for (const documents::InlineAttachment& attachment : document.attachments) {
        std::string digest = attachment.digest;
        if (!attachment.stub) {
            DAVENPORT_ASSIGN(const std::string bytes, from_base64(attachment.data_base64));
            digest = "md5-" + to_base64(as_bytes(md5(bytes)));
        }
        digests.emplace(attachment.name, std::move(digest));
    }
    return digests;
}

}  // namespace

std::string document_text(const vault::Proven& proven) {
    std::string text;
    documents::append_document_text(text, proven.document, proven.revision,
                                    proven.claim == vault::Claim::deleted, proven.body,
                                    proven.attachments);
    return text;
}

Result<std::string> find_difference(const vault::Proven& proven, std::string_view text) {
    if (proven.claim == vault::Claim::absent) return "the backup holds no such document";
    documents::DocumentParser parser;
    DAVENPORT_ASSIGN(const auto document, parser.parse(text, documents::UnknownReserved::drop));
    if (!document.id.empty() && document.id != proven.document) return "it has another _id";
    if (document.deleted != (proven.claim == vault::Claim::deleted))
        return document.deleted ? "it is deleted" : "the document in the backup is deleted";
    if (!document.revision.empty() && document.revision != proven.revision)
        return fmt::format("it has another _rev; in the backup it is {}", proven.revision);
    if (!documents::same_json(document.body, proven.body)) return "its content is another one";
    DAVENPORT_ASSIGN(const Digests expected, proven_digests(proven));
    DAVENPORT_ASSIGN(const Digests found, digests_of(document));
    if (expected != found) return "its attachments are others";
    return std::string();
}

}  // namespace davenport::cli
