#pragma once

#include "pending.hpp"

namespace davenport::documents::couchdb {

enum class Bytes {
    within,   // attachments are base64 inside the text
    follows,  // attachments follow the text, in the text's order
};

// The document as the server wants it, appended. With `replicated` its revision is its own.
Result<> append_pending(std::string& out, const Pending& pending, WriteMode mode, Bytes bytes);
// About as many bytes as that will be; exact enough for splitting.
std::uint64_t encoded_size(const Pending& pending);
// Of the attachments that are to be sent.
std::uint64_t attachment_bytes(const Pending& pending);

// A document with its attachments as multipart/related, read while it is sent.
class MultipartBody final : public ByteSource {
  public:
    static Result<std::shared_ptr<MultipartBody>> create(const Pending& pending, WriteMode mode);

    std::uint64_t length() const { return length_; }
    std::string content_type() const;
    Result<std::size_t> read(std::span<char> buffer) override;

  private:
    struct Part {
        std::string text;                    // either
        std::shared_ptr<const Spool> bytes;  // or
        std::uint64_t length() const { return bytes ? bytes->length() : text.size(); }
    };
    void add(Part part);

    std::string boundary_;
    std::vector<Part> parts_;
    std::uint64_t length_ = 0;
    std::size_t part_ = 0;
    std::uint64_t position_ = 0;  // in it
};

}  // namespace davenport::documents::couchdb
