#pragma once

#include "davenport/base/result.hpp"

#include <memory>
#include <span>

namespace davenport::documents::couchdb {

// Unpacks a gzip stream as far as there is room, in the reader's thread. libcurl can do this too,
// but takes a packed body that lost its end for a whole one. Not thread-safe.
class Gunzip {
  public:
    static Result<std::unique_ptr<Gunzip>> create();
    Gunzip(const Gunzip&) = delete;
    Gunzip& operator=(const Gunzip&) = delete;
    ~Gunzip();

    struct Step {
        std::size_t taken = 0, made = 0;  // bytes
    };
    // corrupt when it is no gzip.
    Result<Step> unpack(std::span<const char> packed, std::span<char> room);
    // Whether the input so far could end here: after a stream, or before the first.
    bool complete() const { return complete_; }

  private:
    struct State;
    explicit Gunzip(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
    bool complete_ = true;
};

}  // namespace davenport::documents::couchdb
