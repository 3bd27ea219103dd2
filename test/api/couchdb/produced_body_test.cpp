#include "api/couchdb/produced_body.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::api::couchdb;

namespace {

class Text final : public Producer {
  public:
    explicit Text(std::string text) : text_(std::move(text)) {}
    Result<bool> produce(std::string& out) override {
        if (text_.empty()) return false;
        out += text_;
        text_.clear();
        return true;
    }

  private:
    std::string text_;
};

// Numbers as rows; every third ends in a long text of its own. Fails at `broken_row`.
class Numbers final : public RowsProducer {
  public:
    Numbers(int count, int broken_row) : count_(count), broken_row_(broken_row) {}

  private:
    std::string head() override { return "["; }
    Result<std::string> tail() override { return std::string("]"); }
    Result<bool> row(std::string& out) override {
        if (next_ == count_) return false;
        if (next_ == broken_row_) return fail(ErrorCode::io, "the disk is gone");
        out += std::to_string(next_);
        if (next_ % 3 == 0)
            continue_with(std::make_unique<Text>(",\"" + std::string(1000, 'x')), "\"");
        ++next_;
        return true;
    }

    const int count_;
    const int broken_row_;
    int next_ = 0;
};

Result<std::string> read_all(http::BodySource& body, std::size_t buffer_bytes) {
    std::string text;
    std::vector<char> buffer(buffer_bytes);
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t count, body.read(buffer));
        if (count == 0) return text;
        text.append(buffer.data(), count);
    }
}

std::string expected(int count) {
    std::string text = "[";
    for (int i = 0; i < count; ++i) {
        text += i == 0 ? "\n" : ",\n";
        text += std::to_string(i);
        if (i % 3 == 0) text += ",\"" + std::string(1000, 'x') + "\"";
    }
    return text + "]";
}

}  // namespace

TEST_CASE("a produced body is the same whatever the buffer") {
    for (const int count : {0, 1, 2, 200})
        for (const std::size_t buffer : {1, 7, 1000, 65536}) {
            CAPTURE(count, buffer);
            const auto body = body_of(std::make_unique<Numbers>(count, -1));
            CHECK(read_all(*body, buffer).value() == expected(count));
        }
}

TEST_CASE("a produced body that fails is never ended as if it were whole") {
    for (const int broken : {0, 1, 150}) {
        const auto body = body_of(std::make_unique<Numbers>(200, broken));
        const auto text = read_all(*body, 1000);
        REQUIRE_FALSE(text);
        CHECK(text.error().code == ErrorCode::io);
    }
}
