#include "attachments.hpp"

#include "davenport/base/json.hpp"

#include <span>

namespace davenport::replication {
namespace {

Error about(std::string_view name, std::string_view id, Error error) {
    error.message = fmt::format("attachment {} of document {}: {}", name, id, error.message);
    return error;
}

Result<vault::Vault::StoredAttachment> store(documents::Snapshot& snapshot, vault::Vault& vault,
                                             const AttachmentsOf& revision,
                                             const documents::AttachmentStub& stub) {
    DAVENPORT_ASSIGN(auto source, snapshot.attachment(revision.id, revision.revision, stub.name));
    DAVENPORT_ASSIGN(auto stored, vault.put_attachment([&](std::span<char> buffer) {
        return source->read(buffer);
    }));
    if (stored.length != stub.length) {
        return fail(ErrorCode::corrupt, "the database promises {} bytes and gives {}", stub.length,
                    stored.length);
    }
    return stored;
}

// The SHA-256 of an attachment that one of `known` has; empty if none does.
Result<std::string> unchanged(std::span<const json::object> known, const vault::Vault& vault,
                              const documents::AttachmentStub& stub) {
    if (stub.digest.empty()) return std::string();
    for (const json::object& described : known) {
        const json::object* facts = object_member(described, stub.name);
        if (facts == nullptr || text_or(*facts, "digest") != stub.digest ||
            integer_member(*facts, "length") != static_cast<std::int64_t>(stub.length))
            continue;
        std::string sha256 = text_or(*facts, "sha256");
        DAVENPORT_ASSIGN(const bool there, vault.has_attachment(sha256));
        if (there) return sha256;
    }
    return std::string();
}

}  // namespace

Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const AttachmentsOf& revision,
                                      std::span<const std::string> known) {
    if (revision.stubs.empty()) return std::string();
    std::vector<json::object> known_facts;
    for (const std::string& text : known) {
        DAVENPORT_ASSIGN(auto facts, parse_json_object(text));
        known_facts.push_back(std::move(facts));
    }
    json::object described;
    for (const documents::AttachmentStub& stub : revision.stubs) {
        DAVENPORT_ASSIGN(std::string sha256, unchanged(known_facts, vault, stub));
        if (sha256.empty()) {
            auto stored = store(snapshot, vault, revision, stub);
            if (!stored) return fail(about(stub.name, revision.id, std::move(stored).error()));
            sha256 = std::move(stored->sha256);
        }
        described[stub.name] = {{"content_type", stub.content_type},
                                {"revpos", stub.revpos},
                                {"digest", stub.digest},
                                {"length", stub.length},
                                {"sha256", sha256}};
    }
    return to_text(described);
}

}  // namespace davenport::replication
