#include "davenport/audit/verification.hpp"

#include "davenport/base/encoding.hpp"

#include <cerrno>
#include <fstream>

namespace davenport::audit {
namespace {

constexpr std::size_t longest_line = 1 << 20;

// Lines of a file, never more than one in memory.
class Lines {
  public:
    static Result<Lines> open(const std::string& path) {
        Lines lines;
        lines.path_ = path;
        lines.file_.open(path, std::ios::binary);
        if (!lines.file_) return fail(posix_error("can't read " + path, errno));
        lines.buffer_.resize(longest_line);
        return lines;
    }

    // nullopt at the end.
    Result<std::optional<std::string_view>> next() {
        if (!file_.getline(buffer_.data(), static_cast<std::streamsize>(buffer_.size()))) {
            if (file_.bad()) return fail(ErrorCode::io, "can't read {}", path_);
            if (file_.eof()) return std::optional<std::string_view>();
            return fail(ErrorCode::corrupt, "{} holds a line of more than {} bytes", path_,
                        longest_line);
        }
        const auto read = static_cast<std::size_t>(file_.gcount());
        return std::optional(std::string_view(buffer_.data(), file_.eof() ? read : read - 1));
    }

  private:
    std::string path_;
    std::ifstream file_;
    std::vector<char> buffer_;
};

Result<Head> head_of_file(const std::string& path, const std::vector<VerifyingKey>& keys) {
    DAVENPORT_ASSIGN(Lines lines, Lines::open(path));
    for (;;) {
        DAVENPORT_ASSIGN(const auto line, lines.next());
        if (!line) return fail(ErrorCode::corrupt, "{} has no signed head at its end", path);
        if (!is_head(*line)) continue;
        auto head = read_head(*line, keys);
        if (!head)
            return fail(ErrorCode::corrupt, "the head of {}: {}", path, head.error().message);
        return head;
    }
}

}  // namespace

Result<Verification> verify_file(const std::string& path, const std::vector<VerifyingKey>& keys,
                                 const std::string& earlier) {
    Verifier verifier(keys, {});
    if (!earlier.empty()) {
        DAVENPORT_ASSIGN(Head head, head_of_file(earlier, keys));
        verifier.expect(std::move(head));
    }
    DAVENPORT_ASSIGN(Lines lines, Lines::open(path));
    std::optional<Result<Head>> head;
    for (;;) {
        DAVENPORT_ASSIGN(const auto line, lines.next());
        if (!line) break;
        if (head) {
            verifier.finding(0, "there are lines after the signed head, which is the end");
            break;
        }
        if (is_head(*line))
            head = read_head(*line, keys);
        else
            verifier.line(*line);
    }
    if (!head)
        verifier.finding(0, "the file does not end with a signed head: its end may be missing");
    else if (!*head)
        verifier.finding(0, fmt::format("the signed head: {}", head->error().message));
    else
        verifier.expect(**head);
    return verifier.finish();
}

}  // namespace davenport::audit
