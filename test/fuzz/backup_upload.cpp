// An uploaded backup: read once and checked, then read again document by document.
#include "davenport/backup_doc/reader.hpp"
#include "fuzz/scratch_file.hpp"

namespace davenport::fuzz {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

backup_doc::ReaderLimits limits(std::size_t buffer_bytes) {
    backup_doc::ReaderLimits limits;
    limits.max_document_bytes = mebibyte;
    limits.max_envelope_bytes = mebibyte;
    limits.max_inflated_bytes = mebibyte;
    limits.max_depth = 32;
    limits.buffer_bytes = buffer_bytes;
    return limits;
}

// Everything it gave, or why not.
std::string read(const std::string& path, std::size_t buffer_bytes) {
    const auto reader = backup_doc::Reader::open(path, limits(buffer_bytes));
    if (!reader) {
        const ErrorCode code = reader.error().code;
        require(code == ErrorCode::invalid_argument || code == ErrorCode::too_large,
                "the fault is the input's");
        return "refused: " + reader.error().message;
    }
    std::string all = (*reader)->id() + (*reader)->error() + (*reader)->client_webhook_url();
    for (const backup_doc::DatabaseEntry& database : (*reader)->databases()) {
        all += "\n" + database.key + " " + database.security;
        const auto cursor = (*reader)->documents(database.key);
        require(cursor.has_value(), "what was checked can be read again");
        std::uint64_t count = 0;
        for (;; ++count) {
            const auto document = (*cursor)->next();
            require(document.has_value(), "what was checked can be read again");
            if (*document == nullptr) break;
            require((*document)->index == count, "documents are numbered");
            require(documents::check_document_id((*document)->parsed->id).has_value(),
                    "a document has an id");
            all += "\n" + std::string((*document)->text);
        }
        require(count == database.documents, "as many documents as were counted");
    }
    return all;
}

}  // namespace

void run(std::string_view input) {
    static const ScratchFile file("upload.json");
    const std::string path = file.put(input);
    const std::string all = read(path, mebibyte);
    // A limit may be met in another order of bytes; what is given may not depend on the buffer.
    if (input.size() < 2000)
        require(read(path, 16) == all, "the size of the buffer makes no difference");
    require(file.files() == 1, "nothing is left beside the upload");
}

}  // namespace davenport::fuzz
