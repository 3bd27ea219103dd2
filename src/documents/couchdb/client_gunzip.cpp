#include "documents/couchdb/client_gunzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace davenport::documents::couchdb {
namespace {

constexpr int gzip_window = 15 + 16;  // the largest, and gzip's wrapping

uInt bounded(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

struct Gunzip::State {
    z_stream stream{};
};

Gunzip::Gunzip(std::unique_ptr<State> state) : state_(std::move(state)) {}

Gunzip::~Gunzip() {
    inflateEnd(&state_->stream);
}

Result<std::unique_ptr<Gunzip>> Gunzip::create() {
    auto state = std::make_unique<State>();
    if (inflateInit2(&state->stream, gzip_window) != Z_OK)
        return fail(ErrorCode::unavailable, "no memory to unpack an answer");
    return std::unique_ptr<Gunzip>(new Gunzip(std::move(state)));
}

Result<Gunzip::Step> Gunzip::unpack(std::span<const char> packed, std::span<char> room) {
    z_stream& stream = state_->stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib only reads
    stream.avail_in = bounded(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = bounded(room.size());
    if (stream.avail_in > 0) complete_ = false;
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
        complete_ = true;
        inflateReset(&stream);  // another stream may follow
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return fail(ErrorCode::corrupt, "an answer says that it is gzip, and is not");
    }
    return Step{
        static_cast<std::size_t>(stream.next_in - reinterpret_cast<const Bytef*>(packed.data())),
        static_cast<std::size_t>(stream.next_out - reinterpret_cast<const Bytef*>(room.data()))};
}

}  // namespace davenport::documents::couchdb
