#pragma once

#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// What is wrong with a value; empty = nothing. Every value that is stored goes through one of
// these.
std::string fault_of_email(std::string_view email);
std::string fault_of_unique_id(std::string_view id);
// UTF-8 without control characters, at most `limit` bytes.
std::string fault_of_line(std::string_view text, std::size_t limit);
// UTF-8 without NUL, at most `limit` bytes.
std::string fault_of_text(std::string_view text, std::size_t limit);
// Empty, or an http or https URL.
std::string fault_of_url(std::string_view url);
// Empty, or an https URL: a room's avatar.
std::string fault_of_https_url(std::string_view url);

// An object or null, no deeper than what stored rows may be, without numbers that JSON can't write.
std::string fault_of_payload(const json::value& payload);
// Whether a number in it is too large for JSON.
bool has_endless_number(const json::value& value);

// Of a comment's type.
std::string fault_of_type(std::string_view type);

// Faults of one call, a line each: "room_id: …".
class Faults {
  public:
    void add(std::string_view parameter, std::string_view fault) {
        if (!fault.empty()) lines_.push_back(fmt::format("{}: {}", parameter, fault));
    }
    bool none() const { return lines_.empty(); }
    // invalid_argument with the first line as its message and all of them in `detail`.
    Result<> result() const;

  private:
    std::vector<std::string> lines_;
};

}  // namespace davenport::chat
