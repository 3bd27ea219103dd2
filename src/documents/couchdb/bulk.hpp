#pragma once

#include "document_encoder.hpp"
#include "place.hpp"

#include <deque>

namespace davenport::documents::couchdb {

// Sends documents and gives each its reply. Splits what is too much for one request, and what the
// server refuses as a whole until the document is found that it means.
class BulkWriter {
  public:
    BulkWriter(const Place& place, WriteMode mode) : place_(place), mode_(mode) {}

    // Ids must differ. `written`, `conflict`, `refused` or `unknown` for each.
    void send(const std::vector<Pending*>& documents);

    // What ends everything that goes to this database: there is none, or no right to write to it.
    const std::optional<Error>& hopeless() const { return hopeless_; }

  private:
    using Batch = std::vector<Pending*>;
    struct Sent {
        Batch batch;
        std::uint64_t bytes;
        std::unique_ptr<Exchange> exchange;
    };

    void split(const std::vector<Pending*>& documents);
    void begin(const Batch& batch);
    void finish(Sent sent);
    void take_replies(const Batch& batch, const Answer& answer);
    void refused(const Sent& sent, const Answer& answer);
    void send_alone(Pending& pending);

    const Place& place_;
    const WriteMode mode_;
    std::deque<Batch> waiting_;
    std::deque<Sent> sent_;
    int failures_ = 0;  // of single documents, in a row, by the server's own fault
    std::optional<Error> hopeless_;
};

}  // namespace davenport::documents::couchdb
