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

}  // namespace

Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const documents::DocumentView& document) {
    if (document.attachments.empty()) return std::string();
    DAVENPORT_ASSIGN(auto stubs, documents::from_stub_text(document.attachments));
    if (stubs.empty()) return std::string();

    json::object described;
    for (const documents::AttachmentStub& stub : stubs) {
        auto stored = store(snapshot, vault, document, stub);
        if (!stored) return fail(about(stub.name, document.id, std::move(stored).error()));
        described[stub.name] = {{"content_type", stub.content_type},
                                {"revpos", stub.revpos},
                                {"digest", stub.digest},
                                {"length", stub.length},
                                {"sha256", stored->sha256}};
    }
    return to_text(described);
}

}  // namespace davenport::replication
