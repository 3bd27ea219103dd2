#pragma once

#include "davenport/base/json.hpp"
#include "davenport/http/message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::api::chat {

// What a call was given: the query, and a body of JSON, application/x-www-form-urlencoded or
// multipart/form-data (texts only; files are the imports' own matter). A name may end in "[]";
// one that stands several times is a list, which a single value may not be. What no handler asks
// for is not looked at.
//
// The accessors note what is wrong, so that a call can say all of it at once.
class Parameters {
  public:
    // invalid_argument when the body can't be read at all; unsupported for another content type.
    static Result<Parameters> read(const http::Request& request);

    // Absent, null and "" are nullopt.
    std::optional<std::string> text(std::string_view name);
    std::string needed_text(std::string_view name);
    // One text is a list of one.
    std::vector<std::string> texts(std::string_view name);
    // Digits, also as text; 1 and above.
    std::optional<std::uint64_t> number(std::string_view name);
    std::uint64_t needed_number(std::string_view name);
    std::vector<std::uint64_t> numbers(std::string_view name);
    bool flag(std::string_view name);                // absent = false
    std::string object_text(std::string_view name);  // absent = "null"

    void add_fault(std::string_view name, std::string_view fault);
    // invalid_argument when anything was wrong so far.
    Result<> check() const;

  private:
    Result<> add_query(std::string_view query);
    Result<> add(std::string name, json::value value);
    const json::value* find(std::string_view name) const;
    std::optional<std::uint64_t> number_of(std::string_view name, const json::value& value);

    json::object values_;
    std::vector<std::string> faults_;
};

}  // namespace davenport::api::chat
