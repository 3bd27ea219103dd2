#pragma once

#include "cpprest.hpp"
#include "davenport/http/message.hpp"
#include "worker_pool.hpp"

#include <memory>
#include <string>

namespace davenport::http {

// What cpprestsdk's stream buffers need beyond reading bytes in order: refusals.
class ReadOnlyStreambuf
    : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
  public:
    ReadOnlyStreambuf() : streambuf_state_manager(std::ios_base::in) {}

    bool can_seek() const override { return false; }
    bool has_size() const override { return false; }
    std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
    void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
    std::size_t in_avail() const override { return 0; }
    pos_type getpos(std::ios_base::openmode) const override { return nowhere(); }
    pos_type seekpos(pos_type, std::ios_base::openmode) override { return nowhere(); }
    pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
        return nowhere();
    }
    bool acquire(std::uint8_t*& data, std::size_t& count) override {
        data = nullptr;
        count = 0;
        return false;
    }
    void release(std::uint8_t*, std::size_t) override {}

  protected:
    pplx::task<int_type> _bumpc() override { return unsupported<int_type>(); }
    int_type _sbumpc() override { return traits::requires_async(); }
    pplx::task<int_type> _getc() override { return unsupported<int_type>(); }
    int_type _sgetc() override { return traits::requires_async(); }
    pplx::task<int_type> _nextc() override { return unsupported<int_type>(); }
    pplx::task<int_type> _ungetc() override { return unsupported<int_type>(); }
    std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
    pplx::task<int_type> _putc(std::uint8_t) override { return unsupported<int_type>(); }
    pplx::task<std::size_t> _putn(const std::uint8_t*, std::size_t) override {
        return unsupported<std::size_t>();
    }
    pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
    std::uint8_t* _alloc(std::size_t) override { return nullptr; }
    void _commit(std::size_t) override {}

  private:
    static pos_type nowhere() { return static_cast<pos_type>(traits::eof()); }
    template <class T>
    static pplx::task<T> unsupported() {
        return pplx::task_from_exception<T>(std::logic_error("this stream is read in pieces"));
    }
};

// A text that is complete. The other side of the seam takes it out whole, without a copy.
class TextStreambuf final : public ReadOnlyStreambuf {
  public:
    explicit TextStreambuf(std::string text) : text_(std::move(text)) {}
    std::string take() { return std::move(text_); }
    std::size_t in_avail() const override { return text_.size() - position_; }

  protected:
    pplx::task<std::size_t> _getn(std::uint8_t* data, std::size_t count) override;

  private:
    std::string text_;
    std::size_t position_ = 0;
};

// A BodySource, without a buffer of its own: each `getn` becomes one `BodySource::read` on the
// worker pool. One read at a time. An error of the source is an exception in the read's task.
class SourceStreambuf final : public ReadOnlyStreambuf {
  public:
    SourceStreambuf(std::unique_ptr<BodySource> source, WorkerPool& pool)
        : source_(std::move(source)), pool_(pool) {}

  protected:
    pplx::task<std::size_t> _getn(std::uint8_t* data, std::size_t count) override;

  private:
    std::unique_ptr<BodySource> source_;
    WorkerPool& pool_;
};

}  // namespace davenport::http
