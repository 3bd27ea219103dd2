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
                                             const documents::DocumentView& document,
                                             const documents::AttachmentStub& stub) {
    DAVENPORT_ASSIGN(auto source, snapshot.attachment(document.id, document.revision, stub.name));
    DAVENPORT_ASSIGN(auto stored, vault.put_attachment([&](std::span<char> buffer) {
        return source->read(buffer);
    }));
    if (stored.length != stub.length) {
        return fail(ErrorCode::corrupt, "the database promises {} bytes and gives {}", stub.length,
                    stored.length);
    }
    return stored;
}

// The SHA-256 of an attachment that did not change since `known` was written; empty if it did.
Result<std::string> unchanged(const json::object& known, const vault::Vault& vault,
                              const documents::AttachmentStub& stub) {
    const json::value* entry = known.if_contains(stub.name);
    const json::object* facts = entry != nullptr ? entry->if_object() : nullptr;
    if (facts == nullptr || stub.digest.empty() || text_or(*facts, "digest") != stub.digest ||
        integer_member(*facts, "length") != static_cast<std::int64_t>(stub.length))
        return std::string();
    std::string sha256 = text_or(*facts, "sha256");
    DAVENPORT_ASSIGN(const bool there, vault.has_attachment(sha256));
    return there ? sha256 : std::string();
}

}  // namespace

Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const documents::DocumentView& document,
                                      std::string_view known) {
    if (document.attachments.empty()) return std::string();
    DAVENPORT_ASSIGN(auto stubs, documents::from_stub_text(document.attachments));
    if (stubs.empty()) return std::string();

    json::object known_facts;
    if (!known.empty()) {
        DAVENPORT_ASSIGN(known_facts, parse_json_object(known));
    }
    json::object described;
    for (const documents::AttachmentStub& stub : stubs) {
        DAVENPORT_ASSIGN(std::string sha256, unchanged(known_facts, vault, stub));
        if (sha256.empty()) {
            auto stored = store(snapshot, vault, document, stub);
            if (!stored) return fail(about(stub.name, document.id, std::move(stored).error()));
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
