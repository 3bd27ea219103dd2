#include "davenport/http/form.hpp"

#include "davenport/base/encoding.hpp"
#include "form_header.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace davenport::http {

namespace {

class TextSource final : public BodySource {
  public:
    explicit TextSource(std::string_view text) : text_(text) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t count = std::min(buffer.size(), text_.size());
        std::copy_n(text_.data(), count, buffer.data());
        text_.remove_prefix(count);
        return count;
    }

  private:
    std::string_view text_;
};

class FileSource final : public BodySource {
  public:
    explicit FileSource(int descriptor) : descriptor_(descriptor) {}
    ~FileSource() override { close(descriptor_); }
    FileSource(const FileSource&) = delete;
    FileSource& operator=(const FileSource&) = delete;
    Result<std::size_t> read(std::span<char> buffer) override {
        while (true) {
            const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
            if (count >= 0) return static_cast<std::size_t>(count);
            if (errno != EINTR) return fail(posix_error("reading a request's body", errno));
        }
    }

  private:
    int descriptor_;
};

// Counts what the fields of a form hold together.
class FieldBudget {
  public:
    explicit FieldBudget(const FormLimits& limits) : limits_(limits) {}
    Result<> add(std::string_view name, std::string_view value) {
        if (value.size() > limits_.max_field_bytes)
            return fail(ErrorCode::too_large, "the field {} has more than {} bytes",
                        in_quotes(name), limits_.max_field_bytes);
        bytes_ += name.size() + value.size();
        if (bytes_ > limits_.max_fields_bytes)
            return fail(ErrorCode::too_large, "the form's fields have more than {} bytes",
                        limits_.max_fields_bytes);
        return {};
    }

  private:
    const FormLimits& limits_;
    std::uint64_t bytes_ = 0;
};

Result<> check_utf8(std::string_view name, std::string_view value) {
    const std::size_t wrong = find_invalid_utf8(value);
    if (wrong == std::string_view::npos) return {};
    return fail(ErrorCode::invalid_argument, "the field {} is not UTF-8 at its byte {}",
                in_quotes(name), wrong);
}

Result<std::string> decode_plus(std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decode(spaced);
}

Result<FormField> parse_pair(std::string_view pair, std::size_t number) {
    const std::size_t equals = pair.find('=');
    auto name = decode_plus(pair.substr(0, equals));
    if (!name || find_invalid_utf8(*name) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "the name of field {} can't be read: {}", number,
                    name ? "it is not UTF-8" : name.error().message);
    if (equals == pair.npos) return FormField{std::move(*name), std::string()};
    auto value = decode_plus(pair.substr(equals + 1));
    if (!value)
        return fail(ErrorCode::invalid_argument, "the field {} can't be read: {}", in_quotes(*name),
                    value.error().message);
    DAVENPORT_TRY(check_utf8(*name, *value));
    return FormField{std::move(*name), std::move(*value)};
}

Result<std::string> read_text(BodySource& source, std::uint64_t limit) {
    std::string text, buffer(64 * 1024, '\0');
    while (true) {
        DAVENPORT_ASSIGN(const std::size_t count, source.read(buffer));
        if (count == 0) return text;
        text.append(buffer, 0, count);
        if (text.size() > limit)
            return fail(ErrorCode::too_large, "the form has more than {} bytes", limit);
    }
}

// Hands the part's bytes on; returns how many they were.
Result<std::uint64_t> drain_part(MultipartReader& reader, const FileSink& sink) {
    std::uint64_t size = 0;
    while (true) {
        DAVENPORT_ASSIGN(const std::string_view piece, reader.next_piece());
        if (piece.empty()) return size;
        size += piece.size();
        DAVENPORT_TRY(sink(piece));
    }
}

}  // namespace

const std::string* Form::field(std::string_view name) const {
    for (const auto& [key, value] : fields)
        if (key == name) return &value;
    return nullptr;
}

const FormFile* Form::file(std::string_view name) const {
    for (const FormFile& one : files)
        if (one.part.name == name) return &one;
    return nullptr;
}

std::size_t Form::count(std::string_view name) const {
    const auto of_name = [&](const FormField& field) { return field.first == name; };
    const auto file_of_name = [&](const FormFile& one) { return one.part.name == name; };
    return static_cast<std::size_t>(std::count_if(fields.begin(), fields.end(), of_name) +
                                    std::count_if(files.begin(), files.end(), file_of_name));
}

Result<std::vector<FormField>> parse_urlencoded(std::string_view body, const FormLimits& limits) {
    std::vector<FormField> fields;
    FieldBudget budget(limits);
    while (!body.empty()) {
        const std::size_t end = body.find('&');
        const std::string_view pair = body.substr(0, end);
        body.remove_prefix(end == body.npos ? body.size() : end + 1);
        if (pair.empty()) continue;
        if (fields.size() == limits.max_parts)
            return fail(ErrorCode::too_large, "the form has more than {} fields", limits.max_parts);
        DAVENPORT_ASSIGN(FormField field, parse_pair(pair, fields.size() + 1));
        DAVENPORT_TRY(budget.add(field.first, field.second));
        fields.push_back(std::move(field));
    }
    return fields;
}

Result<Form> read_form(MultipartReader& reader, const FormLimits& limits,
                       const FileSinkFor& sink_for) {
    Form form;
    FieldBudget budget(limits);
    std::uint64_t in_memory = 0;
    while (true) {
        DAVENPORT_ASSIGN(const FormPart* next, reader.next_part());
        if (next == nullptr) return form;
        const FormPart part = *next;
        std::string bytes;
        FileSink sink = [&](std::string_view piece) -> Result<> {
            bytes.append(piece);
            return {};
        };
        if (part.is_file()) {
            FormFile file{part, 0, {}};
            if (sink_for) {
                DAVENPORT_ASSIGN(sink, sink_for(part));
            } else {
                sink = [&](std::string_view piece) -> Result<> {
                    in_memory += piece.size();
                    if (in_memory > limits.max_memory_file_bytes)
                        return fail(ErrorCode::too_large,
                                    "the form's files have more than {} bytes",
                                    limits.max_memory_file_bytes);
                    bytes.append(piece);
                    return {};
                };
            }
            DAVENPORT_ASSIGN(file.size, drain_part(reader, sink));
            file.bytes = std::move(bytes);
            form.files.push_back(std::move(file));
        } else {
            DAVENPORT_TRY(drain_part(reader, sink));
            DAVENPORT_TRY(budget.add(part.name, bytes));
            DAVENPORT_TRY(check_utf8(part.name, bytes));
            form.fields.emplace_back(part.name, std::move(bytes));
        }
    }
}

Result<std::unique_ptr<BodySource>> body_source(const Request& request) {
    const std::string& path = request.spooled.path();
    if (path.empty()) return std::unique_ptr<BodySource>(new TextSource(request.body));
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return fail(posix_error("opening a request's body", errno));
    return std::unique_ptr<BodySource>(new FileSource(descriptor));
}

Result<Form> read_form(const Request& request, const FormLimits& limits,
                       const FileSinkFor& sink_for) {
    const auto content_type = request.headers.get("Content-Type");
    if (!content_type)
        return fail(ErrorCode::invalid_argument, "a form needs a Content-Type header");
    DAVENPORT_ASSIGN(auto source, body_source(request));
    const std::string type = media_type(*content_type);
    if (type == "multipart/form-data") {
        DAVENPORT_ASSIGN(auto reader,
                         MultipartReader::open(*content_type, std::move(source), limits));
        return read_form(reader, limits, sink_for);
    }
    if (type != "application/x-www-form-urlencoded")
        return fail(ErrorCode::invalid_argument,
                    "the Content-Type is {}, but must be multipart/form-data or "
                    "application/x-www-form-urlencoded",
                    in_quotes(*content_type));
    // Each byte may come as an escape of three.
    DAVENPORT_ASSIGN(const std::string text, read_text(*source, 4 * limits.max_fields_bytes));
    Form form;
    DAVENPORT_ASSIGN(form.fields, parse_urlencoded(text, limits));
    return form;
}

}  // namespace davenport::http
