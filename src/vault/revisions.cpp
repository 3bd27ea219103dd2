#include "davenport/vault/revisions.hpp"

#include "davenport/base/json.hpp"
#include "davenport/base/json_text.hpp"

namespace davenport::vault {
namespace {

constexpr std::string_view ancestors_member = "ancestors";
constexpr std::string_view leaves_member = "leaves";

void append_ids(std::string& out, std::span<const std::string> revisions) {
    out += "\"ancestors\":[";
    for (const std::string& revision : revisions) {
        if (out.back() != '[') out.push_back(',');
        append_quoted(out, revision);
    }
    out.push_back(']');
}

bool read_ids(std::string_view array, std::vector<std::string>& ids) {
    if (array.empty() || array.front() != '[') return false;
    bool good = true;
    for_each_element(array, [&](std::string_view value) {
        auto id = string_value(value);
        good = good && id.has_value();
        if (id) ids.push_back(std::move(*id));
    });
    return good;
}

bool is_object(std::string_view text) {
    return !text.empty() && text.front() == '{';
}

bool read_leaf(std::string_view text, Leaf& leaf) {
    bool good = is_object(text);
    bool ancestors = false;
    for_each_member(text, [&](std::string_view name, std::string_view value) {
        if (name == "revision") {
            leaf.revision = string_value(value).value_or("");
        } else if (name == "deleted") {
            leaf.deleted = value == "true";
        } else if (name == "body") {
            leaf.body = value;
        } else if (name == "attachments") {
            leaf.attachments = value;
            good = good && is_object(value);
        } else if (name == ancestors_member) {
            ancestors = read_ids(value, leaf.ancestors);
        }
        return Walk::go_on;
    });
    return good && ancestors && !leaf.revision.empty() && is_object(leaf.body);
}

}  // namespace

RevisionsText::RevisionsText(std::span<const std::string> ancestors) {
    text_.push_back('{');
    append_ids(text_, ancestors);
}

void RevisionsText::add_leaf(std::string_view revision, bool deleted, std::string_view body,
                             std::string_view attachments, std::span<const std::string> ancestors) {
    text_ += any_leaf_ ? ",{" : ",\"leaves\":[{";
    any_leaf_ = true;
    text_ += "\"revision\":";
    append_quoted(text_, revision);
    if (deleted) text_ += ",\"deleted\":true";
    text_.push_back(',');
    append_ids(text_, ancestors);
    if (!attachments.empty()) text_.append(",\"attachments\":").append(attachments);
    text_.append(",\"body\":").append(body).push_back('}');
}

std::string RevisionsText::take() {
    text_ += any_leaf_ ? "]}" : "}";
    return std::move(text_);
}

Result<std::optional<Revisions>> read_revisions(std::string_view extra) {
    const auto ancestors = find_member(extra, ancestors_member);
    if (!ancestors) return std::optional<Revisions>();
    Result<std::optional<Revisions>> revisions{std::optional<Revisions>(std::in_place)};
    Revisions& read = **revisions;
    if (!read_ids(*ancestors, read.ancestors))
        return fail(ErrorCode::corrupt, "its revision history is malformed");
    bool good = true;
    for_each_element(leaves_text(extra), [&](std::string_view text) {
        good = good && read_leaf(text, read.leaves.emplace_back());
    });
    if (!good) return fail(ErrorCode::corrupt, "its other revisions are malformed");
    return revisions;
}

void for_each_leaf_attachments(std::string_view extra,
                               const std::function<void(std::string_view)>& visit) {
    for_each_element(leaves_text(extra), [&](std::string_view leaf) {
        if (const auto attachments = find_member(leaf, "attachments")) visit(*attachments);
    });
}

std::string_view leaves_text(std::string_view extra) {
    return find_member(extra, leaves_member).value_or(std::string_view());
}

}  // namespace davenport::vault
