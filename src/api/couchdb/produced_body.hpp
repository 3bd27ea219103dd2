#pragma once

#include "davenport/http/message.hpp"

#include <memory>
#include <string>

namespace davenport::api::couchdb {

// Text that is made piece by piece, so that an answer of any size needs the memory of one piece.
// Not thread-safe.
class Producer {
  public:
    virtual ~Producer() = default;
    // Appends the next piece; false = there was none left. After an error it is not called again.
    virtual Result<bool> produce(std::string& out) = 0;
};

std::unique_ptr<http::BodySource> body_of(std::unique_ptr<Producer> producer);
// A streamed application/json answer with status 200.
http::Response stream_answer(std::unique_ptr<Producer> producer);

// JSON with an array of rows inside: `head`, rows separated by commas, `tail`.
class RowsProducer : public Producer {
  public:
    Result<bool> produce(std::string& out) final;

  protected:
    virtual std::string head() = 0;
    // Appends one row; false = there are no more. A row that ends in something large appends what
    // stands before it and leaves that to `continue_with`.
    virtual Result<bool> row(std::string& out) = 0;
    virtual Result<std::string> tail() = 0;

    // The row goes on with all that `rest` makes, then `end`.
    void continue_with(std::unique_ptr<Producer> rest, std::string end);

  private:
    enum class Stage { head, rows, done };
    Stage stage_ = Stage::head;
    bool first_ = true;
    std::unique_ptr<Producer> rest_;
    std::string end_;
};

}  // namespace davenport::api::couchdb
