#pragma once

#include "davenport/base/result.hpp"
#include "input.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace davenport::backup_doc {

// Reads JSON strictly (RFC 8259: grammar, UTF-8, surrogate pairs, depth) from an Input without
// keeping it. Every error is invalid_argument with the byte position, counted from 0, unless the
// Input failed or overflowed. Not thread-safe.
class Scanner {
  public:
    // `text_name` follows the byte position in messages: "" or " of the inflated compressed_docs".
    Scanner(Input& input, std::uint32_t max_depth, std::string_view text_name);

    static constexpr int end_of_text = -1;
    int peek();  // the next byte that is no white space, not taken; or end_of_text
    void take() { input_.advance(1); }
    bool take_if(char wanted);
    Result<> expect(char wanted, std::string_view place);  // "after the key"
    Result<> expect_end();                                 // nothing but white space follows

    // A string's decoded text, piece by piece or whole. Longer than `limit` bytes is too_large.
    using PieceSink = std::function<Result<>(std::string_view)>;
    Result<> string_pieces(const PieceSink& sink);
    Result<std::string> string(std::uint64_t limit);
    Result<bool> boolean();
    Result<> null() { return literal("null"); }

    // Any value, `depth` levels below the text's root.
    Result<> skip_value(std::uint32_t depth);
    Result<std::string> raw_value(std::uint32_t depth, std::uint64_t limit);

    tl::unexpected<Error> malformed(std::string_view what);
    tl::unexpected<Error> unexpected(
        std::string_view expected);  // "malformed: expected …, found …"
    std::uint64_t position() const { return input_.position(); }
    std::string_view text_name() const { return text_name_; }
    Input& input() { return input_; }

  private:
    Result<> scalar(int first);
    Result<> key();
    Result<> number();
    Result<> literal(std::string_view word);
    Result<> escape(const PieceSink& sink);
    Result<std::uint32_t> code_unit(std::size_t offset);
    Result<> multi_byte_character();

    Input& input_;
    const std::uint32_t max_depth_;
    const std::string text_name_;
};

}  // namespace davenport::backup_doc
