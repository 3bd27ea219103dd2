#include "version.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_text.hpp"

#include <algorithm>

namespace davenport::drills {
namespace {

struct Contents {
    std::string sha256;
    std::uint64_t length = 0;
};

Result<Contents> read_to_end(documents::ByteSource& source) {
    std::vector<char> buffer(64 * 1024);
    Sha256 hash;
    Contents contents;
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t size, source.read(buffer));
        if (size == 0) break;
        hash.update({buffer.data(), size});
        contents.length += size;
    }
    contents.sha256 = to_hex(as_bytes(hash.finish()));
    return contents;
}

using Text = std::optional<std::string>;

Result<Text> attachment_difference(const std::string& name, const json::object& expected,
                                   const Found& found, documents::Database& database,
                                   DatabaseFindings& findings) {
    const auto stub = std::find_if(found.attachments.begin(), found.attachments.end(),
                                   [&](const auto& one) { return one.name == name; });
    if (stub == found.attachments.end())
        return Text(fmt::format("its attachment {} is missing", in_quotes(name)));
    const std::string type = text_or(expected, "content_type");
    if (!type.empty() && stub->content_type != type)
        return Text(fmt::format("its attachment {} has the content type {} instead of {}",
                                in_quotes(name), in_quotes(stub->content_type), in_quotes(type)));
    DAVENPORT_ASSIGN(const auto source, database.attachment(found.id, found.revision, name));
    DAVENPORT_ASSIGN(const Contents contents, read_to_end(*source));
    ++findings.attachments;
    findings.bytes += contents.length;
    const std::string sha256 = text_or(expected, "sha256");
    if (sha256.empty())
        return fail(ErrorCode::corrupt, "the backup names no hash of the attachment {}",
                    in_quotes(name));
    if (contents.sha256 != sha256 ||
        std::int64_t(contents.length) != integer_member(expected, "length").value_or(-1))
        return Text(fmt::format("its attachment {} has other bytes", in_quotes(name)));
    return Text();
}

}  // namespace

Result<Text> difference_of(const Expected& expected, const Found& found,
                           documents::Database& database, DatabaseFindings& findings) {
    findings.bytes += found.body.size();
    if (!documents::same_json(expected.body, found.body)) return Text("its body is another one");
    json::object attachments;
    if (!expected.attachments.empty()) {
        DAVENPORT_ASSIGN(attachments, parse_json_object(expected.attachments));
    }
    for (const documents::AttachmentStub& stub : found.attachments)
        if (!attachments.contains(stub.name))
            return Text(fmt::format("it has an attachment {} too many", in_quotes(stub.name)));
    for (const auto& [name, facts] : attachments) {
        const json::object* object = facts.if_object();
        if (!object)
            return fail(ErrorCode::corrupt, "the backup says nothing of the attachment {}",
                        in_quotes(name));
        DAVENPORT_ASSIGN(Text difference,
                         attachment_difference(name, *object, found, database, findings));
        if (difference) return difference;
    }
    return Text();
}

}  // namespace davenport::drills
