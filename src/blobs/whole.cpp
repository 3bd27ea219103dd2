#include "davenport/blobs/blob_store.hpp"

namespace davenport::blobs {

Result<std::string> read_all(const BlobStore& store, std::string_view name, std::uint64_t limit) {
    DAVENPORT_ASSIGN(const auto reader, store.open(name));
    const std::uint64_t size = reader->size();
    if (size > limit)
        return fail(ErrorCode::too_large, "{} has {} bytes, the limit is {}", name, size, limit);
    std::string bytes;
    DAVENPORT_TRY(reader->read(0, static_cast<std::size_t>(size), bytes));
    return bytes;
}

Result<> write_all(BlobStore& store, std::string_view name, std::string_view bytes) {
    DAVENPORT_ASSIGN(const auto writer, store.create());
    DAVENPORT_TRY(writer->append(bytes));
    return writer->commit(name);
}

Result<> replace_all(BlobStore& store, std::string_view name, std::string_view bytes) {
    DAVENPORT_ASSIGN(const auto writer, store.create());
    DAVENPORT_TRY(writer->append(bytes));
    return writer->replace(name);
}

}  // namespace davenport::blobs
