#include "streambufs.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace davenport::http {
namespace {

class InlineScheduler final : public pplx::default_scheduler_t {
  public:
    void schedule(pplx::TaskProc_t run, void* argument) override { run(argument); }
};

}  // namespace

pplx::task_options run_inline() {
    static const auto scheduler = std::make_shared<InlineScheduler>();
    return pplx::task_options(scheduler);
}

pplx::task<std::size_t> TextStreambuf::_getn(std::uint8_t* data, std::size_t count) {
    count = std::min(count, in_avail());
    std::memcpy(data, text_.data() + position_, count);
    position_ += count;
    return pplx::task_from_result(count);
}

pplx::task<std::size_t> SourceStreambuf::_getn(std::uint8_t* data, std::size_t count) {
    const pplx::task_completion_event<std::size_t> arrived;
    auto self = std::static_pointer_cast<SourceStreambuf>(shared_from_this());
    pool_.submit([self = std::move(self), arrived, data, count] {
        try {
            auto read = self->source_->read({reinterpret_cast<char*>(data), count});
            if (!read) throw std::runtime_error(read.error().message);
            arrived.set(*read);
        } catch (...) {
            arrived.set_exception(std::current_exception());
        }
    });
    return pplx::create_task(arrived, run_inline());
}

}  // namespace davenport::http
