#pragma once

#include "davenport/http/message.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Submitted forms: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).
//
//   auto form = http::read_form(request, limits);
//   if (!form) return error_answer(form.error());
//   const std::string* type = form->field("type");
//   const FormFile* file = form->file("file");
//
// All input is hostile: nothing is read beyond a limit, and the time is proportional to the bytes.
namespace davenport::http {

using FormField = std::pair<std::string, std::string>;  // name, value: UTF-8, decoded

struct FormLimits {
    std::size_t max_parts = 200;                        // fields and files together
    std::size_t max_header_bytes = 8 * 1024;            // of one part
    std::uint64_t max_field_bytes = 1 << 20;            // of one field's value
    std::uint64_t max_fields_bytes = 8 << 20;           // names and values of all fields together
    std::uint64_t max_file_bytes = 64ull << 20;         // of one file part
    std::uint64_t max_memory_file_bytes = 16ull << 20;  // of all files kept in memory together
};

// `a=1&b=x+y%26z`: pairs in their order, '+' is a space; a name without '=' has an empty value, and
// empty pairs (`a=1&&b=2`) are left out. invalid_argument for a malformed escape or what is no
// UTF-8, naming the field; too_large over a limit.
Result<std::vector<FormField>> parse_urlencoded(std::string_view body,
                                                const FormLimits& limits = {});

// What a part's headers say. File names and types are the sender's claims: a name may hold any path
// or character, so never use it as one of ours.
struct FormPart {
    std::string name;                     // UTF-8, not empty
    std::optional<std::string> filename;  // UTF-8; a part that has one is a file, even if it is ""
    std::string content_type;             // as sent, without control bytes; empty = none
    bool is_file() const { return filename.has_value(); }
};

// Takes a multipart/form-data body apart while it is read; holds one buffer of at least 64 KiB,
// never a part. Not thread-safe; movable.
//
//   DAVENPORT_ASSIGN(auto reader, MultipartReader::open(content_type, std::move(source)));
//   for (;;) {
//       DAVENPORT_ASSIGN(const FormPart* part, reader.next_part());
//       if (part == nullptr) break;
//       for (;;) {
//           DAVENPORT_ASSIGN(const std::string_view piece, reader.next_piece());
//           if (piece.empty()) break;
//           …
//       }
//   }
//
// Errors are invalid_argument and say what is wrong in which part, and where; too_large over
// max_parts, max_header_bytes, max_field_bytes or max_file_bytes; or what the source fails with.
// After an error every call fails with it again. Refused: no closing boundary, headers that end
// with LF only, a part without a name, a part that is a multipart itself, base64 and
// quoted-printable transfer encodings (obsolete; they would be stored undecoded).
class MultipartReader {
  public:
    static Result<MultipartReader> open(std::string_view content_type,
                                        std::unique_ptr<BodySource> source, FormLimits limits = {});
    MultipartReader(MultipartReader&&) noexcept;
    MultipartReader& operator=(MultipartReader&&) noexcept;
    ~MultipartReader();

    // The next part, after what is left of the one before; nullptr after the closing boundary. What
    // follows that is not read. Valid until the next call.
    Result<const FormPart*> next_part();
    // The next bytes of the part, valid until the next call; empty at its end.
    Result<std::string_view> next_piece();

  private:
    struct Impl;
    explicit MultipartReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

struct FormFile {
    FormPart part;
    std::uint64_t size = 0;  // bytes
    std::string bytes;       // empty when a sink took them
};

// A whole form, in the order it came; a name may come several times.
struct Form {
    std::vector<FormField> fields;
    std::vector<FormFile> files;

    const std::string* field(std::string_view name) const;  // the first one; nullptr = none
    const FormFile* file(std::string_view name) const;      // the first one; nullptr = none
    std::size_t count(std::string_view name) const;         // fields and files of that name
};

// Takes the bytes of one file, piece by piece.
using FileSink = std::function<Result<>(std::string_view piece)>;
// Asked once for each file part before its bytes; an error refuses the form. Without one, files are
// kept in memory.
using FileSinkFor = std::function<Result<FileSink>(const FormPart& part)>;

// Reads to the end. A form is taken only whole: after an error, drop what the sinks were given.
Result<Form> read_form(MultipartReader& reader, const FormLimits& limits = {},
                       const FileSinkFor& sink_for = {});
// The form in a request's body, in memory or spooled; of either type, by its Content-Type. The
// request keeps its body.
Result<Form> read_form(const Request& request, const FormLimits& limits = {},
                       const FileSinkFor& sink_for = {});

// The request's body, wherever it is. The request must outlive the source.
Result<std::unique_ptr<BodySource>> body_source(const Request& request);

}  // namespace davenport::http
