#include "produced_body.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::api::couchdb {
namespace {

class ProducedBody final : public http::BodySource {
  public:
    explicit ProducedBody(std::unique_ptr<Producer> producer) : producer_(std::move(producer)) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        while (!ended_ && ready() < buffer.size()) {
            if (offset_ == text_.size()) {
                text_.clear();
                offset_ = 0;
            }
            DAVENPORT_ASSIGN(const bool more, producer_->produce(text_));
            ended_ = !more;
        }
        if (ended_) producer_.reset();  // closes its read view while the rest is being sent
        const std::size_t count = std::min(ready(), buffer.size());
        std::memcpy(buffer.data(), text_.data() + offset_, count);
        offset_ += count;
        // Pieces are appended behind what is left; what was sent must not pile up before it.
        if (offset_ > text_.size() / 2) {
            text_.erase(0, offset_);
            offset_ = 0;
        }
        return count;
    }

  private:
    std::size_t ready() const { return text_.size() - offset_; }

    std::unique_ptr<Producer> producer_;
    std::string text_;
    std::size_t offset_ = 0;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<http::BodySource> body_of(std::unique_ptr<Producer> producer) {
    return std::make_unique<ProducedBody>(std::move(producer));
}

http::Response stream_answer(std::unique_ptr<Producer> producer) {
    auto response = http::Response::stream(200, "application/json", body_of(std::move(producer)));
    response.headers.add("Cache-Control", "private, must-revalidate");
    return response;
}

Result<bool> RowsProducer::produce(std::string& out) {
    if (rest_) {
        DAVENPORT_ASSIGN(const bool more, rest_->produce(out));
        if (!more) {
            out += end_;
            rest_.reset();
        }
        return true;
    }
    switch (stage_) {
        case Stage::head:
            out += head();
            stage_ = Stage::rows;
            return true;
        case Stage::rows: {
            const std::size_t before = out.size();
            out += first_ ? "\n" : ",\n";
            DAVENPORT_ASSIGN(const bool more, row(out));
            if (more) {
                first_ = false;
                return true;
            }
            out.resize(before);
            DAVENPORT_ASSIGN(const std::string end, tail());
            out += end;
            stage_ = Stage::done;
            return true;
        }
        case Stage::done:
            break;
    }
    return false;
}

void RowsProducer::continue_with(std::unique_ptr<Producer> rest, std::string end) {
    rest_ = std::move(rest);
    end_ = std::move(end);
}

}  // namespace davenport::api::couchdb
