#pragma once

#include "davenport/base/result.hpp"

#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <string_view>

// Validates JSON with simdjson and says where in the text its parts stand, so that they can be
// carried on as they came. Internal to this module.
namespace davenport::documents {

inline constexpr std::size_t max_json_depth = 256;
inline constexpr std::size_t max_json_bytes = std::size_t{1} << 30;

// A member or element of the text read last.
struct JsonPart {
    std::string_view key;     // raw, with its quotes; empty for an element of an array
    std::string_view value;   // raw
    std::string_view whole;   // from the key to the end of the value
    std::size_t value_index;  // for walking on into the value
};

// Keeps its buffers from one text to the next. Not thread-safe.
class JsonReader {
  public:
    // Checks the whole text (grammar, UTF-8, depth). The element lives until the next call. Numbers
    // that fit no 64-bit type are valid JSON and accepted; the element then shows them, and perhaps
    // other long numbers, as 0: see `exact`.
    Result<simdjson::dom::element> read(std::string_view text);
    bool exact() const { return exact_; }

    // Frees the buffers if the last text was a big one.
    void shrink();

    // Walks the members or elements of the container whose bracket is structural character `index`;
    // 0 is the root. Parts are views into the text given to `read`.
    class Walk {
      public:
        Walk(const JsonReader& reader, std::size_t index);
        bool next(JsonPart& part);

      private:
        const JsonReader& reader_;
        std::size_t at_;
        bool object_;
    };

  private:
    simdjson::error_code parse_copy(std::size_t size);
    bool blank_extreme_numbers();
    std::size_t token_end(std::size_t begin) const;
    std::uint32_t position(std::size_t structural) const {
        return parser_.implementation->structural_indexes[structural];
    }
    std::size_t structurals() const { return parser_.implementation->n_structural_indexes; }

    simdjson::dom::parser parser_;
    std::unique_ptr<char[]>
        copy_;  // simdjson reads some bytes past the end, so it gets a padded copy
    std::size_t capacity_ = 0;
    std::string_view text_;
    bool exact_ = true;
};

}  // namespace davenport::documents
