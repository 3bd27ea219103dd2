#include "attachments_text.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"

#include <algorithm>

namespace davenport::backup_doc {
namespace {

constexpr std::uint64_t piece_bytes = 3 * 64 * 1024;  // a multiple of 3: no padding in between

}  // namespace

Result<std::unique_ptr<AttachmentsText>> AttachmentsText::create(const vault::Vault& vault,
                                                                 std::string_view recorded) {
    std::unique_ptr<AttachmentsText> text(new AttachmentsText(vault));
    const auto object = parse_json_object(recorded);
    if (!object)
        return fail(ErrorCode::corrupt, "its attachments can't be read: {}",
                    object.error().message);
    for (const auto& member : *object) {
        Attachment attachment;
        attachment.name = std::string(member.key().data(), member.key().size());
        const json::object* facts = member.value().if_object();
        const auto length = facts ? integer_member(*facts, "length") : std::nullopt;
        const auto revpos = facts ? integer_member(*facts, "revpos") : std::nullopt;
        if (facts) {
            attachment.content_type = text_or(*facts, "content_type");
            attachment.digest = text_or(*facts, "digest");
            attachment.sha256 = text_or(*facts, "sha256");
        }
        if (!length || *length < 0 || attachment.sha256.empty())
            return fail(ErrorCode::corrupt,
                        "the length or hash of its attachment \"{}\" is missing", attachment.name);
        attachment.length = static_cast<std::uint64_t>(*length);
        attachment.revpos =
            static_cast<std::uint64_t>(std::max<std::int64_t>(revpos.value_or(0), 0));
        text->attachments_.push_back(std::move(attachment));
    }
    return text;
}

Result<bool> AttachmentsText::append_piece(std::string& out) {
    if (current_ == attachments_.size()) {  // there were none
        out += "{}";
        return false;
    }
    const Attachment& attachment = attachments_[current_];
    if (!blob_) DAVENPORT_TRY(begin_attachment(out));
    const std::uint64_t count = std::min(attachment.length - position_, piece_bytes);
    if (count > 0) {
        auto read = blob_->read(position_, count, bytes_);
        if (!read) {
            Error error = std::move(read).error();
            error.message =
                fmt::format("its attachment \"{}\": {}", attachment.name, error.message);
            return fail(std::move(error));
        }
        position_ += count;
        append_base64(out, bytes_);
    }
    if (position_ < attachment.length) return true;
    end_attachment(out);
    return current_ < attachments_.size();
}

Result<> AttachmentsText::begin_attachment(std::string& out) {
    const Attachment& attachment = attachments_[current_];
    auto blob = vault_.attachment(attachment.sha256);
    if (!blob && blob.error().code == ErrorCode::not_found)
        return fail(ErrorCode::corrupt,
                    "the bytes of its attachment \"{}\" are missing from the vault",
                    attachment.name);
    if (!blob) return fail(std::move(blob).error());
    blob_ = std::move(*blob);
    if (blob_->size() != attachment.length)
        return fail(ErrorCode::corrupt, "its attachment \"{}\" has {} bytes in the vault, not {}",
                    attachment.name, blob_->size(), attachment.length);
    position_ = 0;
    out += current_ == 0 ? "{" : ",";
    append_quoted(out, attachment.name);
    out += R"(:{"content_type":)";
    append_quoted(out, attachment.content_type);
    fmt::format_to(std::back_inserter(out), R"(,"revpos":{},"digest":)", attachment.revpos);
    append_quoted(out, attachment.digest);
    out += R"(,"data":")";
    return {};
}

void AttachmentsText::end_attachment(std::string& out) {
    blob_.reset();
    ++current_;
    out += current_ == attachments_.size() ? "\"}}" : "\"}";
}

}  // namespace davenport::backup_doc
