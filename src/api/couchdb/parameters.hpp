#pragma once

#include "davenport/base/json.hpp"
#include "davenport/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::api::couchdb {

// The options of a request: query parameters and, where a POST brings them, members of its body,
// which win. Every fault is CouchDB's query_parse_error and names the parameter. The request must
// outlive the object.
class Parameters {
  public:
    explicit Parameters(const http::Request& request) : request_(request) {}
    Result<> add_body(std::string_view text);  // a JSON object; nothing at all is an empty one
    const json::object& body() const { return body_; }

    Result<bool> flag(std::string_view name, bool otherwise) const;
    Result<std::optional<std::uint64_t>> count(std::string_view name) const;
    // Quoted as JSON or not: clients do both.
    Result<std::optional<std::string>> text(std::string_view name) const;
    Result<std::optional<json::value>> value(std::string_view name) const;

  private:
    Result<std::optional<std::string>> query(std::string_view name) const;

    const http::Request& request_;
    json::object body_;
};

// Which keys a listing is about. Keys in these listings are strings; a bound of another type sorts
// before or after all of them, as in CouchDB.
struct KeyRange {
    std::optional<std::string> start, end;  // in the direction of reading
    bool inclusive_end = true;
    bool descending = false;
    bool nothing = false;  // no string lies between the bounds
    std::uint64_t skip = 0;
    std::optional<std::uint64_t> limit;
};
Result<KeyRange> key_range(const Parameters& parameters);

// A JSON array of strings; anything else is a bad_request that names the member.
Result<std::vector<std::string>> string_array(const json::value& value, std::string_view name);

}  // namespace davenport::api::couchdb
