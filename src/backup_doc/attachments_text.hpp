#pragma once

#include "davenport/base/result.hpp"
#include "davenport/vault/vault.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::backup_doc {

// The `_attachments` object of one document with the bytes as base64, piece by piece. Bytes are
// checked against the recorded length and SHA-256 as they pass. Not thread-safe.
class AttachmentsText {
  public:
    // `recorded` is the text of vault::Record::attachments; it is not referred to later.
    static Result<std::unique_ptr<AttachmentsText>> create(const vault::Vault& vault,
                                                           std::string_view recorded);
    // Appends the next piece of the text; false when that was the last.
    Result<bool> append_piece(std::string& out);

  private:
    struct Attachment {
        std::string name, content_type, digest, sha256;
        std::uint64_t length = 0;
        std::uint64_t revpos = 0;
    };
    explicit AttachmentsText(const vault::Vault& vault) : vault_(vault) {}
    Result<> begin_attachment(std::string& out);
    void end_attachment(std::string& out);

    const vault::Vault& vault_;
    std::vector<Attachment> attachments_;
    std::size_t current_ = 0;
    std::unique_ptr<blobs::BlobReader> blob_;  // of the current one; nullptr = not begun
    std::uint64_t position_ = 0;
    std::string bytes_;
};

}  // namespace davenport::backup_doc
