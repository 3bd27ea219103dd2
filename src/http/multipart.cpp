#include "davenport/http/form.hpp"
#include "form_header.hpp"

#include <algorithm>
#include <cstring>

// RFC 2046, section 5.1.1:
//
//   [preamble CRLF] --boundary [blanks] CRLF part (CRLF --boundary [blanks] CRLF part)*
//   CRLF --boundary-- [anything]
//   part = *(header CRLF) [CRLF bytes]
//
// The stream is read as if a CRLF stood before it, so that one delimiter, CRLF--boundary, begins
// and ends everything.
namespace davenport::http {

namespace {

constexpr std::size_t min_window = 32 * 1024;
constexpr std::size_t max_preamble = 16 * 1024;
constexpr std::size_t max_padding = 64;  // blanks after a boundary
constexpr std::string_view crlf = "\r\n";

// In linear time, whatever the texts are.
std::size_t find_in(std::string_view text, std::string_view wanted) {
    const void* found = memmem(text.data(), text.size(), wanted.data(), wanted.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// A view of the bytes ahead. At least `min_bytes` of them are in sight unless the end is.
class Window {
  public:
    Window(std::unique_ptr<BodySource> source, std::size_t min_bytes)
        : source_(std::move(source)), min_bytes_(min_bytes), buffer_(2 * min_bytes, '\0') {
        std::copy(crlf.begin(), crlf.end(), buffer_.begin());
        end_ = crlf.size();
    }

    // Moves what is left to the front only after at least as much was taken: each byte moves a
    // bounded number of times.
    Result<> fill() {
        if (ended_ || end_ - begin_ >= min_bytes_) return {};
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        while (end_ < buffer_.size()) {
            DAVENPORT_ASSIGN(const std::size_t count,
                             source_->read({buffer_.data() + end_, buffer_.size() - end_}));
            if (count == 0) {
                ended_ = true;
                break;
            }
            end_ += count;
        }
        return {};
    }

    std::string_view text() const { return {buffer_.data() + begin_, end_ - begin_}; }
    void take(std::size_t count) {
        begin_ += count;
        taken_ += count;
    }
    bool ended() const { return ended_; }  // text() is all there is
    // Of the next byte in the source, from 0.
    std::uint64_t position() const { return taken_ < crlf.size() ? 0 : taken_ - crlf.size(); }

  private:
    std::unique_ptr<BodySource> source_;
    std::size_t min_bytes_;
    std::string buffer_;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t taken_ = 0;
    bool ended_ = false;
};

}  // namespace

struct MultipartReader::Impl {
    enum class At { preamble, part, between, end };

    Impl(const std::string& boundary, std::unique_ptr<BodySource> source, FormLimits the_limits)
        : limits(the_limits),
          delimiter("\r\n--" + boundary),
          window(std::move(source),
                 std::max(min_window, limits.max_header_bytes + max_padding + 256)) {}

    FormLimits limits;
    std::string delimiter;
    Window window;
    At at = At::preamble;
    FormPart part;
    std::size_t number = 0;       // of the part, from 1
    std::uint64_t part_size = 0;  // bytes of it that were seen
    std::size_t given = 0;        // bytes that the last piece shows
    std::optional<Error> error;

    template <class... Args>
    auto malformed(fmt::format_string<Args...> format, Args&&... args) {
        return fail(ErrorCode::invalid_argument, "{} (at byte {})",
                    fmt::format(format, std::forward<Args>(args)...), window.position());
    }

    auto never_ends() {
        return malformed("the form ends without its closing boundary {}--",
                         delimiter.substr(crlf.size()));
    }

    // The window begins with a delimiter: takes it. Then comes a part, or the end.
    Result<> take_delimiter() {
        DAVENPORT_TRY(window.fill());
        const std::string_view text = window.text().substr(delimiter.size());
        if (text.starts_with("--")) {
            at = At::end;
            return {};
        }
        const std::size_t padding = std::min(text.find_first_not_of(" \t"), text.size());
        const std::string_view rest = text.substr(padding);
        if (padding <= max_padding && rest.starts_with(crlf)) {
            // The line's end stays: the headers' own end, an empty line, may follow at once.
            window.take(delimiter.size() + padding);
            at = At::between;
            return {};
        }
        if (window.ended() && (rest.size() < 2 && (rest.empty() || rest == "\r" || rest == "-")))
            return never_ends();
        if (rest.starts_with('\n'))
            return malformed("a boundary line ends with LF only; it must end with CRLF");
        return malformed("a boundary is followed by something else than CRLF");
    }

    Result<> skip_preamble() {
        DAVENPORT_TRY(window.fill());
        const std::size_t found = find_in(window.text(), delimiter);
        if (found == std::string_view::npos || found > max_preamble)
            return malformed("the boundary {} does not come within the first {} bytes",
                             delimiter.substr(crlf.size()), max_preamble);
        window.take(found);
        return take_delimiter();
    }

    Result<> read_headers() {
        DAVENPORT_TRY(window.fill());
        // From the boundary line's CRLF on, so that a part without headers is no special case.
        const std::string_view text = window.text().substr(0, limits.max_header_bytes + 4);
        const std::size_t end = find_in(text, "\r\n\r\n");
        if (end == std::string_view::npos) {
            if (text.find("\n\n") != std::string_view::npos)
                return malformed("the header lines of part {} end with LF only", number);
            if (text.size() == limits.max_header_bytes + 4)
                return fail(ErrorCode::too_large,
                            "the headers of part {} have more than {} bytes (at byte {})", number,
                            limits.max_header_bytes, window.position());
            return never_ends();
        }
        const std::string_view lines = end == 0 ? std::string_view() : text.substr(2, end);
        auto parsed = parse_part_headers(lines);
        if (!parsed) return malformed("part {}: {}", number, parsed.error().message);
        part = std::move(*parsed);
        window.take(end + crlf.size());
        // Now at the empty line's CRLF; a delimiter may begin with it, then the part has no bytes.
        DAVENPORT_TRY(window.fill());
        if (!window.text().starts_with(delimiter)) window.take(crlf.size());
        at = At::part;
        return {};
    }

    Result<const FormPart*> next_part() {
        if (at == At::preamble) DAVENPORT_TRY(skip_preamble());
        while (at == At::part) DAVENPORT_TRY(next_piece());
        if (at == At::end) return nullptr;
        if (number == limits.max_parts)
            return fail(ErrorCode::too_large, "the form has more than {} parts", limits.max_parts);
        ++number;
        part_size = 0;
        DAVENPORT_TRY(read_headers());
        return &part;
    }

    Result<std::string_view> next_piece() {
        if (at != At::part) return std::string_view();
        window.take(std::exchange(given, 0));
        DAVENPORT_TRY(window.fill());
        const std::string_view text = window.text();
        const std::size_t found = find_in(text, delimiter);
        if (found == 0) {
            DAVENPORT_TRY(take_delimiter());
            return std::string_view();
        }
        if (found == std::string_view::npos && window.ended()) return never_ends();
        // Without a delimiter in sight, one may begin in the last bytes.
        given = found == std::string_view::npos ? text.size() - (delimiter.size() - 1) : found;
        part_size += given;
        const std::uint64_t limit = part.is_file() ? limits.max_file_bytes : limits.max_field_bytes;
        if (part_size > limit)
            return fail(ErrorCode::too_large, "the {} \"{}\" (part {}) has more than {} bytes",
                        part.is_file() ? "file" : "field", part.name, number, limit);
        return text.substr(0, given);
    }

    // What failed once can't be gone on with.
    template <class Call>
    auto unless_failed(Call call) -> decltype(call()) {
        if (error) return fail(*error);
        auto result = call();
        if (!result) error = result.error();
        return result;
    }
};

MultipartReader::MultipartReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MultipartReader::MultipartReader(MultipartReader&&) noexcept = default;
MultipartReader& MultipartReader::operator=(MultipartReader&&) noexcept = default;
MultipartReader::~MultipartReader() = default;

Result<MultipartReader> MultipartReader::open(std::string_view content_type,
                                              std::unique_ptr<BodySource> source,
                                              FormLimits limits) {
    DAVENPORT_ASSIGN(const std::string boundary, parse_boundary(content_type));
    return MultipartReader(std::make_unique<Impl>(boundary, std::move(source), limits));
}

Result<const FormPart*> MultipartReader::next_part() {
    return impl_->unless_failed([&] { return impl_->next_part(); });
}

Result<std::string_view> MultipartReader::next_piece() {
    return impl_->unless_failed([&] { return impl_->next_piece(); });
}

}  // namespace davenport::http
