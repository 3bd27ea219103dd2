#pragma once

#include "davenport/documents/document_store.hpp"

#include <memory>
#include <string>

namespace davenport::documents::couchdb {

// The bytes of an attachment on their way to the server: their length and digest have to be known
// before the first is sent, and they may have to be sent again. Few stay in memory, more go to a
// file without a name. Immutable; its readers share it.
class Spool : public std::enable_shared_from_this<Spool> {
  public:
    // Reads the source to its end. Errors: the source's, io, no_space.
    static Result<std::shared_ptr<const Spool>> take(ByteSource& source);
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    std::uint64_t length() const { return length_; }
    const std::string& digest() const { return digest_; }  // "md5-" + base64
    std::unique_ptr<ByteSource> reader() const;
    Result<std::size_t> read_at(std::uint64_t position, std::span<char> buffer) const;

  private:
    Spool() = default;
    Result<> add(std::string_view bytes);

    std::string memory_;
    int file_ = -1;  // holds everything, once it is there
    std::uint64_t length_ = 0;
    std::string digest_;
};

}  // namespace davenport::documents::couchdb
