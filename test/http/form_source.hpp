#pragma once

#include "davenport/http/form.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>

namespace davenport::http::test {

// Gives a text in pieces of at most `longest` bytes, of random lengths when there is a generator.
class PiecewiseSource final : public BodySource {
  public:
    PiecewiseSource(std::string text, std::size_t longest, std::mt19937_64* random = nullptr)
        : text_(std::move(text)), longest_(longest), random_(random) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        std::size_t count = std::min({buffer.size(), longest_, text_.size() - position_});
        if (random_ != nullptr && count > 1) count = 1 + (*random_)() % count;
        std::copy_n(text_.data() + position_, count, buffer.data());
        position_ += count;
        return count;
    }

  private:
    std::string text_;
    std::size_t longest_;
    std::mt19937_64* random_;
    std::size_t position_ = 0;
};

inline std::unique_ptr<BodySource> whole(std::string text) {
    return std::make_unique<PiecewiseSource>(std::move(text), std::size_t(1) << 30);
}

inline const std::string multipart_type = "multipart/form-data; boundary=XX";

// "--XX", headers, empty line, bytes.
inline std::string field_part(const std::string& name, const std::string& value) {
    return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
inline std::string file_part(const std::string& name, const std::string& filename,
                             const std::string& bytes) {
    return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + filename +
           "\"\r\nContent-Type: application/json\r\n\r\n" + bytes + "\r\n";
}

inline Result<Form> read(std::unique_ptr<BodySource> source, const FormLimits& limits = {},
                         const std::string& content_type = multipart_type) {
    DAVENPORT_ASSIGN(auto reader, MultipartReader::open(content_type, std::move(source), limits));
    return read_form(reader, limits);
}

}  // namespace davenport::http::test
