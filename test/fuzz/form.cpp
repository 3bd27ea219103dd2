// Submitted forms. The first line is the Content-Type, the rest the body.
#include "davenport/http/form.hpp"
#include "davenport/base/encoding.hpp"
#include "fuzz/fuzzer.hpp"
#include "http/form_source.hpp"

namespace davenport::fuzz {
namespace {

http::FormLimits limits() {
    http::FormLimits limits;
    limits.max_parts = 20;
    limits.max_header_bytes = 512;
    limits.max_field_bytes = 4096;
    limits.max_fields_bytes = 8192;
    limits.max_file_bytes = 8192;
    limits.max_memory_file_bytes = 16384;
    return limits;
}

// What was read, or why not.
std::string read(const std::string& content_type, std::string_view body, std::size_t longest) {
    auto source = std::make_unique<http::test::PiecewiseSource>(std::string(body), longest);
    const auto form = http::test::read(std::move(source), limits(), content_type);
    if (!form) {
        const ErrorCode code = form.error().code;
        require(code == ErrorCode::invalid_argument || code == ErrorCode::too_large,
                "the fault is the input's");
        return "refused: " + form.error().message;
    }
    std::string all;
    require(form->fields.size() + form->files.size() <= limits().max_parts, "parts are limited");
    for (const auto& [name, value] : form->fields) {
        require(!name.empty(), "a field has a name");
        require(find_invalid_utf8(name + value) == std::string_view::npos, "fields are UTF-8");
        require(value.size() <= limits().max_field_bytes, "fields are limited");
        all += name + "=" + value + "\n";
    }
    for (const http::FormFile& file : form->files) {
        require(file.bytes.size() == file.size, "a file is as long as it says");
        require(file.size <= limits().max_file_bytes, "files are limited");
        all += file.part.name + ":" + *file.part.filename + ":" + file.bytes + "\n";
    }
    return all;
}

}  // namespace

void run(std::string_view input) {
    const std::string content_type(take_line(input));
    const std::string whole = read(content_type, input, std::size_t{1} << 30);
    require(read(content_type, input, 1) == whole, "pieces make no difference");
    const auto fields = http::parse_urlencoded(input, limits());
    if (!fields) return;
    for (const auto& [name, value] : *fields)
        require(find_invalid_utf8(name) == std::string_view::npos &&
                    find_invalid_utf8(value) == std::string_view::npos,
                "fields are UTF-8");
}

}  // namespace davenport::fuzz
