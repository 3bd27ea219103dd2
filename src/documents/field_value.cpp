#include "field_value.hpp"

#include "json_reader.hpp"

#include <algorithm>

namespace davenport::documents {
namespace {

constexpr std::size_t max_fields = 8;
constexpr std::size_t max_field_bytes = 256;
constexpr std::size_t max_index_bytes = 64;

FieldValue value_of(const simdjson::dom::element& element) {
    using Type = simdjson::dom::element_type;
    FieldValue value;
    switch (element.type()) {
        case Type::NULL_VALUE:
            break;
        case Type::BOOL:
            value.kind = FieldValue::Kind::boolean;
            value.integer = element.get_bool().value_unsafe() ? 1 : 0;
            break;
        case Type::INT64:
            value.kind = FieldValue::Kind::integer;
            value.integer = element.get_int64().value_unsafe();
            break;
        case Type::UINT64:
        case Type::DOUBLE:
            value.kind = FieldValue::Kind::real;
            value.real = element.get_double().value_unsafe();
            break;
        case Type::STRING:
            value.kind = FieldValue::Kind::text;
            value.text = element.get_string().value_unsafe();
            break;
        case Type::ARRAY:
        case Type::OBJECT:
            value.kind = FieldValue::Kind::container;
            value.text = simdjson::minify(element);
            break;
    }
    return value;
}

int rank(const FieldValue& value) {
    if (value.kind == FieldValue::Kind::null) return 0;
    return value.kind == FieldValue::Kind::text || value.kind == FieldValue::Kind::container ? 2
                                                                                             : 1;
}

}  // namespace

Result<FieldValue> FieldValue::parse(std::string_view json) {
    JsonReader reader;
    DAVENPORT_ASSIGN(const simdjson::dom::element element, reader.read(json));
    FieldValue value = value_of(element);
    if (value.kind == Kind::container || !reader.exact())
        return fail(ErrorCode::invalid_argument,
                    "a query's value must be a text, a number of 64 bits, true, false or null");
    return value;
}

std::partial_ordering order(const FieldValue& a, const FieldValue& b) {
    if (rank(a) != rank(b)) return rank(a) <=> rank(b);
    if (rank(a) == 0) return std::partial_ordering::equivalent;
    if (rank(a) == 2) return a.text <=> b.text;
    const bool real = a.kind == FieldValue::Kind::real || b.kind == FieldValue::Kind::real;
    if (!real) return a.integer <=> b.integer;
    const auto number = [](const FieldValue& value) {
        return value.kind == FieldValue::Kind::real ? value.real
                                                    : static_cast<double>(value.integer);
    };
    return number(a) <=> number(b);
}

bool same_type(const FieldValue& a, const FieldValue& b) {
    return a.kind == b.kind || (a.is_number() && b.is_number());
}

bool same_value(const FieldValue& a, const FieldValue& b) {
    return same_type(a, b) && a.kind != FieldValue::Kind::container &&
           order(a, b) == std::partial_ordering::equivalent;
}

std::optional<std::vector<FieldValue>> read_fields(std::string_view body,
                                                   std::span<const std::string> fields) {
    JsonReader reader;
    const auto element = reader.read(body);
    if (!element) return std::nullopt;
    std::vector<FieldValue> values;
    for (const std::string& field : fields) {
        simdjson::dom::element member;
        if (element->at_key(field).get(member)) return std::nullopt;
        values.push_back(value_of(member));
    }
    return values;
}

Result<> check_index(std::string_view index, std::span<const std::string> fields) {
    const auto in_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (index.empty() || index.size() > max_index_bytes ||
        !std::all_of(index.begin(), index.end(), in_name))
        return fail(ErrorCode::invalid_argument,
                    "an index's name must be 1 to {} characters of a-z, 0-9, _ and -",
                    max_index_bytes);
    if (fields.empty() || fields.size() > max_fields)
        return fail(ErrorCode::invalid_argument, "index \"{}\" must have 1 to {} fields", index,
                    max_fields);
    for (const std::string& field : fields) {
        const bool fits = !field.empty() && field.size() <= max_field_bytes &&
                          std::all_of(field.begin(), field.end(), [](char c) {
                              return c >= ' ' && c <= '~' && c != '"' && c != '\\';
                          });
        if (!fits)
            return fail(ErrorCode::invalid_argument,
                        "index \"{}\": a field's name must be 1 to {} printable ASCII characters "
                        "without quotes and backslashes",
                        index, max_field_bytes);
    }
    return {};
}

Result<FieldQuery> check_query(const Query& query, std::span<const std::string> fields) {
    if (query.equals.size() > fields.size())
        return fail(ErrorCode::invalid_argument,
                    "a query on index \"{}\" gives {} values; it has {} fields", query.index,
                    query.equals.size(), fields.size());
    if ((query.from || query.to) && query.equals.size() == fields.size())
        return fail(ErrorCode::invalid_argument,
                    "a query on index \"{}\" has bounds, but no field is left for them",
                    query.index);
    FieldQuery checked;
    for (const std::string& text : query.equals) {
        DAVENPORT_ASSIGN(FieldValue value, FieldValue::parse(text));
        checked.equals.push_back(std::move(value));
    }
    const auto bound = [&](const std::optional<std::string>& text,
                           std::optional<FieldValue>& value) -> Result<> {
        if (!text) return {};
        DAVENPORT_ASSIGN(value, FieldValue::parse(*text));
        if (!value->is_number() && value->kind != FieldValue::Kind::text)
            return fail(ErrorCode::invalid_argument, "a query's bound must be a text or a number");
        return {};
    };
    DAVENPORT_TRY(bound(query.from, checked.from));
    DAVENPORT_TRY(bound(query.to, checked.to));
    if (checked.from && checked.to && !same_type(*checked.from, *checked.to))
        return fail(ErrorCode::invalid_argument, "a query's bounds must be of one type");
    return checked;
}

bool matches(const FieldQuery& query, const std::vector<FieldValue>& values) {
    for (std::size_t i = 0; i < query.equals.size(); ++i)
        if (!same_value(values[i], query.equals[i])) return false;
    const std::size_t next = query.equals.size();
    if (query.from &&
        (!same_type(values[next], *query.from) || order(values[next], *query.from) < 0))
        return false;
    return !query.to || (same_type(values[next], *query.to) && order(values[next], *query.to) <= 0);
}

}  // namespace davenport::documents
