#pragma once

#include "client.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::documents::couchdb {

// The elements of the one array of a streamed answer, `{"rows":[…],…}` or `[…]`, one at a time,
// with no more in memory than the current one. Finds them by their brackets; what an element holds
// is for its reader to check. Not thread-safe.
//
// Errors: what the exchange says; corrupt when the text is not of that form, or goes on after its
// end; too_large for an element over the limit.
class JsonRows {
  public:
    // `array` is the member that holds the array; empty = the answer is the array.
    JsonRows(std::unique_ptr<Exchange> exchange, std::string array, std::size_t max_row_bytes);

    // Valid until the next call. nullopt when the whole answer was read, up to its proper end.
    Result<std::optional<std::string_view>> next();
    // Raw text of another member of the answer, after the end; empty if there is none.
    std::string_view member(std::string_view name) const;

  private:
    enum class Place { start, members, array, ended };

    Result<bool> fill();
    // The next character that is no white space; it stays unread.
    Result<char> peek();
    Result<> expect(char wanted);
    // Reads the value that begins here; stays in the buffer until `release_`.
    Result<std::string_view> take_value();
    Result<> open_members();
    Result<> finish();
    Error malformed(std::string_view why) const;

    std::unique_ptr<Exchange> exchange_;
    const std::string array_;
    const std::size_t max_row_bytes_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0;  // of what is read and not used
    Place place_ = Place::start;
    bool first_ = true;
    bool found_ = false;
    std::vector<std::pair<std::string, std::string>> members_;
};

}  // namespace davenport::documents::couchdb
