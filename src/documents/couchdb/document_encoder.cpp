#include "document_encoder.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/random.hpp"
#include "davenport/documents/document_text.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t overhead_bytes = 128;

// A multiple of 3, so that pieces of base64 can be put together.
constexpr std::size_t piece_bytes = 48 * 1024;

Result<> append_data(std::string& out, const Spool& bytes) {
    char buffer[piece_bytes];
    for (std::uint64_t position = 0; position < bytes.length();) {
        const std::size_t wanted = std::min<std::uint64_t>(piece_bytes, bytes.length() - position);
        std::size_t filled = 0;
        while (filled < wanted) {
            DAVENPORT_ASSIGN(const std::size_t count,
                             bytes.read_at(position + filled, {buffer + filled, wanted - filled}));
            filled += count;
        }
        append_base64(out, {buffer, filled});
        position += filled;
    }
    return {};
}

Result<> append_attachments(std::string& out, const Pending& pending, WriteMode mode, Bytes bytes) {
    out.push_back('{');
    for (const PendingAttachment& attachment : pending.attachments) {
        const AttachmentStub& stub = attachment.stub;
        if (out.back() != '{') out.push_back(',');
        append_quoted(out, stub.name);
        out += ":{\"content_type\":";
        append_quoted(out, stub.content_type);
        if (attachment.keep || mode == WriteMode::replicated)
            out += fmt::format(",\"revpos\":{}", stub.revpos);
        if (attachment.keep) {
            out += ",\"digest\":";
            append_quoted(out, stub.digest);
            out += fmt::format(",\"length\":{},\"stub\":true}}", stub.length);
        } else if (bytes == Bytes::follows) {
            out += fmt::format(",\"length\":{},\"follows\":true}}", stub.length);
        } else {
            out += ",\"data\":\"";
            DAVENPORT_TRY(append_data(out, *attachment.bytes));
            out += "\"}";
        }
    }
    out.push_back('}');
    return {};
}

// CouchDB's histories have no gaps: what lies behind one is left out.
void append_revisions(std::string& out, const DocumentWrite& write) {
    const auto revision = RevisionId::parse(write.revision);
    if (!revision) return;
    out += fmt::format(",\"_revisions\":{{\"start\":{},\"ids\":[\"{}\"", revision->generation,
                       revision->hash);
    std::uint64_t generation = revision->generation;
    for (std::size_t i = 1; i < write.history.size(); ++i) {
        const auto ancestor = RevisionId::parse(write.history[i]);
        if (!ancestor || ancestor->generation + 1 != generation) break;
        generation = ancestor->generation;
        out += ",\"" + ancestor->hash + "\"";
    }
    out += "]}";
}

}  // namespace

Result<> append_pending(std::string& out, const Pending& pending, WriteMode mode, Bytes bytes) {
    const DocumentWrite& write = *pending.write;
    std::string attachments;
    if (!pending.attachments.empty())
        DAVENPORT_TRY(append_attachments(attachments, pending, mode, bytes));
    if (mode != WriteMode::replicated) {
        append_document_text(out, write.id, pending.parent, write.deleted, write.body, attachments);
        return {};
    }
    append_document_text(out, write.id, write.revision, write.deleted, write.body, attachments);
    out.pop_back();
    append_revisions(out, write);
    out.push_back('}');
    return {};
}

std::uint64_t attachment_bytes(const Pending& pending) {
    std::uint64_t bytes = 0;
    for (const PendingAttachment& attachment : pending.attachments)
        if (!attachment.keep) bytes += attachment.stub.length;
    return bytes;
}

std::uint64_t encoded_size(const Pending& pending) {
    const DocumentWrite& write = *pending.write;
    std::uint64_t size = overhead_bytes + write.id.size() + write.body.size();
    for (const std::string& revision : write.history) size += revision.size() + 3;
    for (const PendingAttachment& attachment : pending.attachments)
        size += overhead_bytes + attachment.stub.name.size();
    return size + attachment_bytes(pending) * 4 / 3;
}

Result<std::shared_ptr<MultipartBody>> MultipartBody::create(const Pending& pending,
                                                             WriteMode mode) {
    auto body = std::make_shared<MultipartBody>();
    body->boundary_ = random_hex(32);
    std::string text;
    DAVENPORT_TRY(append_pending(text, pending, mode, Bytes::follows));
    body->add(
        {fmt::format("--{}\r\nContent-Type: application/json\r\n\r\n{}", body->boundary_, text),
         nullptr});
    for (const PendingAttachment& attachment : pending.attachments) {
        if (attachment.keep) continue;
        body->add({fmt::format("\r\n--{}\r\nContent-Length: {}\r\n\r\n", body->boundary_,
                               attachment.stub.length),
                   nullptr});
        body->add({{}, attachment.bytes});
    }
    body->add({fmt::format("\r\n--{}--", body->boundary_), nullptr});
    return body;
}

void MultipartBody::add(Part part) {
    length_ += part.length();
    parts_.push_back(std::move(part));
}

std::string MultipartBody::content_type() const {
    return "multipart/related; boundary=\"" + boundary_ + "\"";
}

Result<std::size_t> MultipartBody::read(std::span<char> buffer) {
    while (part_ < parts_.size() && position_ == parts_[part_].length()) {
        ++part_;
        position_ = 0;
    }
    if (part_ == parts_.size()) return std::size_t{0};
    const Part& part = parts_[part_];
    std::size_t count = 0;
    if (part.bytes) {
        DAVENPORT_ASSIGN(count, part.bytes->read_at(position_, buffer));
    } else {
        count = std::min<std::size_t>(buffer.size(), part.text.size() - position_);
        std::memcpy(buffer.data(), part.text.data() + position_, count);
    }
    position_ += count;
    return count;
}

}  // namespace davenport::documents::couchdb
