#pragma once

#include "davenport/documents/document_store.hpp"

#include <compare>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Values of top-level members as indexes order and compare them. Internal to this module.
namespace davenport::documents {

// Order: null, then numbers and booleans (false = 0, true = 1), then texts by their bytes; arrays
// and objects stand among the texts and equal nothing.
struct FieldValue {
    enum class Kind { null, boolean, integer, real, text, container };
    Kind kind = Kind::null;
    std::int64_t integer = 0;  // boolean and integer
    double real = 0;
    std::string text;  // text; a container's JSON

    bool is_number() const { return kind == Kind::integer || kind == Kind::real; }
    static Result<FieldValue> parse(std::string_view json);  // no container: invalid_argument
};

std::partial_ordering order(const FieldValue& a, const FieldValue& b);
// Equal by value and by type: true is not 1, 1 is 1.0.
bool same_value(const FieldValue& a, const FieldValue& b);
bool same_type(const FieldValue& a, const FieldValue& b);

// The members of a document by name; nullopt if one is missing.
std::optional<std::vector<FieldValue>> read_fields(std::string_view body,
                                                   std::span<const std::string> fields);

// Index names: [a-z0-9_-], 1 to 64 bytes. Fields: 1 to 8, printable ASCII without quotes and
// backslashes.
Result<> check_index(std::string_view index, std::span<const std::string> fields);

// A query whose values were read and fit the index. Bounds are numbers or texts, and only values of
// their type lie between them.
struct FieldQuery {
    std::vector<FieldValue> equals;
    std::optional<FieldValue> from, to;
};
Result<FieldQuery> check_query(const Query& query, std::span<const std::string> fields);
// `values` are those of the index's fields, in order.
bool matches(const FieldQuery& query, const std::vector<FieldValue>& values);

}  // namespace davenport::documents
