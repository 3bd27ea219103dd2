#include "davenport/documents/document_text.hpp"

#include "davenport/base/json.hpp"
#include "json_reader.hpp"

#include <algorithm>

namespace davenport::documents {
namespace {

bool equal(const simdjson::dom::element& a, const simdjson::dom::element& b);

using Member = simdjson::dom::key_value_pair;

bool equal(const simdjson::dom::object& a, const simdjson::dom::object& b) {
    std::vector<Member> left(a.begin(), a.end());
    std::vector<Member> right(b.begin(), b.end());
    if (left.size() != right.size()) return false;
    const auto by_key = [](const Member& x, const Member& y) { return x.key < y.key; };
    // Stable, so that a key that stands twice keeps its values' order.
    std::stable_sort(left.begin(), left.end(), by_key);
    std::stable_sort(right.begin(), right.end(), by_key);
    return std::equal(
        left.begin(), left.end(), right.begin(),
        [](const Member& x, const Member& y) { return x.key == y.key && equal(x.value, y.value); });
}

bool equal(const simdjson::dom::array& a, const simdjson::dom::array& b) {
    auto left = a.begin();
    auto right = b.begin();
    for (; left != a.end() && right != b.end(); ++left, ++right)
        if (!equal(*left, *right)) return false;
    return !(left != a.end()) && !(right != b.end());
}

bool equal(const simdjson::dom::element& a, const simdjson::dom::element& b) {
    using Type = simdjson::dom::element_type;
    // 1 and 1.0 are kept apart: some readers tell them apart, and taking them for different costs
    // one write at most.
    if (a.type() != b.type()) return false;
    switch (a.type()) {
        case Type::OBJECT:
            return equal(a.get_object().value_unsafe(), b.get_object().value_unsafe());
        case Type::ARRAY:
            return equal(a.get_array().value_unsafe(), b.get_array().value_unsafe());
        case Type::STRING:
            return a.get_string().value_unsafe() == b.get_string().value_unsafe();
        case Type::INT64:
            return a.get_int64().value_unsafe() == b.get_int64().value_unsafe();
        case Type::UINT64:
            return a.get_uint64().value_unsafe() == b.get_uint64().value_unsafe();
        case Type::DOUBLE:
            return a.get_double().value_unsafe() == b.get_double().value_unsafe();
        case Type::BOOL:
            return a.get_bool().value_unsafe() == b.get_bool().value_unsafe();
        case Type::NULL_VALUE:
            return true;
    }
    return false;
}

bool has_members(std::string_view body) {
    const std::size_t first = body.find_first_not_of(" \t\r\n", 1);
    return first != std::string_view::npos && body[first] != '}';
}

}  // namespace

void append_document_text(std::string& out, std::string_view id, std::string_view revision,
                          bool deleted, std::string_view body, std::string_view attachments) {
    out += "{\"_id\":";
    append_quoted(out, id);
    if (!revision.empty()) {
        out += ",\"_rev\":\"";
        out += revision;
        out.push_back('"');
    }
    if (deleted) out += ",\"_deleted\":true";
    if (body.size() > 2 && has_members(body)) {
        out.push_back(',');
        out += body.substr(1, body.rfind('}') - 1);
    }
    if (!attachments.empty()) {
        out += ",\"_attachments\":";
        out += attachments;
    }
    out.push_back('}');
}

bool same_json(std::string_view a, std::string_view b) {
    if (a == b) return true;
    JsonReader left;
    JsonReader right;
    const auto x = left.read(a);
    const auto y = right.read(b);
    // Numbers that simdjson can't hold can't be compared by value.
    return x && y && left.exact() && right.exact() && equal(*x, *y);
}

}  // namespace davenport::documents
