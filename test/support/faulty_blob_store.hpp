#pragma once

#include "davenport/blobs/blob_store.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace davenport::test {

// What shall go wrong in a blob store. Shared by the test and the store; thread-safe. Calls are
// create, append, commit, open, read, list, remove and sweep, counted from 1.
class Faults {
  public:
    enum class Moment { before, after };   // the call does nothing, or all, and then says it failed
    enum class Lasting { once, forever };  // forever: as if the process or the machine had died

    void fail_call(std::uint64_t number, Lasting lasting, Moment moment = Moment::before,
                   ErrorCode code = ErrorCode::io) {
        const std::lock_guard lock(mutex_);
        failing_ = number;
        lasting_ = lasting;
        moment_ = moment;
        code_ = code;
    }
    // From now on so many more bytes can be appended; then the disk is full.
    void limit_bytes(std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        bytes_left_ = bytes;
    }
    // Readers of a blob see one byte changed, or only its beginning, or get less than they asked
    // for.
    void flip(const std::string& name, std::uint64_t offset, unsigned char mask) {
        const std::lock_guard lock(mutex_);
        damage_[name] = {offset, mask, UINT64_MAX, false};
    }
    void cut(const std::string& name, std::uint64_t size) {
        const std::lock_guard lock(mutex_);
        damage_[name] = {0, 0, size, false};
    }
    void read_short(const std::string& name) {
        const std::lock_guard lock(mutex_);
        damage_[name] = {0, 0, UINT64_MAX, true};
    }
    // As from a bad sector; `accept` makes it good again.
    void refuse(const std::string& name) {
        const std::lock_guard lock(mutex_);
        damage_[name] = {0, 0, UINT64_MAX, false, true};
    }
    void accept(const std::string& name) {
        const std::lock_guard lock(mutex_);
        damage_.erase(name);
    }
    // Everything that was not committed is lost, and nothing works until the power is back.
    void power_off() {
        const std::lock_guard lock(mutex_);
        powered_ = false;
        ++epoch_;
    }
    void power_on() {
        const std::lock_guard lock(mutex_);
        powered_ = true;
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        failing_ = 0;
        bytes_left_ = UINT64_MAX;
        damage_.clear();
        powered_ = true;
        calls_ = 0;
    }
    std::uint64_t calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    bool struck() const {  // has the failing call come?
        const std::lock_guard lock(mutex_);
        return failing_ != 0 && calls_ >= failing_;
    }

    // For the store.
    struct Damage {
        std::uint64_t offset = 0;
        unsigned char mask = 0;
        std::uint64_t size = UINT64_MAX;
        bool is_short = false;
        bool is_refused = false;
    };
    // Runs a call with what was planned for it.
    template <class Call>
    auto run(Call&& call) -> decltype(call()) {
        Moment moment = Moment::before;
        bool fails = false;
        ErrorCode code = ErrorCode::io;
        {
            const std::lock_guard lock(mutex_);
            if (!powered_) return fail(ErrorCode::unavailable, "the power is off");
            ++calls_;
            fails = failing_ != 0 &&
                    (calls_ == failing_ || (calls_ > failing_ && lasting_ == Lasting::forever));
            if (calls_ == failing_) moment = moment_;
            code = code_;
        }
        if (fails && moment == Moment::before) return fail(code, "planned failure");
        auto result = call();
        if (fails) return fail(code, "planned failure after the fact");
        return result;
    }
    bool take_bytes(std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        if (bytes_left_ == UINT64_MAX) return true;
        if (bytes > bytes_left_) return false;
        bytes_left_ -= bytes;
        return true;
    }
    std::uint64_t epoch() const {
        const std::lock_guard lock(mutex_);
        return epoch_;
    }
    Damage damage(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        const auto found = damage_.find(name);
        return found == damage_.end() ? Damage{} : found->second;
    }

  private:
    mutable std::mutex mutex_;
    std::uint64_t calls_ = 0;
    std::uint64_t failing_ = 0;
    Lasting lasting_ = Lasting::once;
    Moment moment_ = Moment::before;
    ErrorCode code_ = ErrorCode::io;
    std::uint64_t bytes_left_ = UINT64_MAX;
    std::uint64_t epoch_ = 0;
    bool powered_ = true;
    std::map<std::string, Damage> damage_;
};

// A blob store round another one, which goes wrong as planned. The inner one is shared, so that a
// test can open it again after its user "died". Without a plan it only passes on.
class FaultyBlobStore final : public blobs::BlobStore {
  public:
    explicit FaultyBlobStore(std::shared_ptr<blobs::BlobStore> inner,
                             std::shared_ptr<Faults> faults = std::make_shared<Faults>())
        : inner_(std::move(inner)), faults_(std::move(faults)) {}

    Result<std::unique_ptr<blobs::BlobWriter>> create() override {
        return faults_->run([&]() -> Result<std::unique_ptr<blobs::BlobWriter>> {
            DAVENPORT_ASSIGN(auto writer, inner_->create());
            return std::unique_ptr<blobs::BlobWriter>(
                std::make_unique<Writer>(std::move(writer), faults_));
        });
    }
    Result<std::unique_ptr<blobs::BlobReader>> open(std::string_view name) const override {
        return faults_->run([&]() -> Result<std::unique_ptr<blobs::BlobReader>> {
            DAVENPORT_ASSIGN(auto reader, inner_->open(name));
            return std::unique_ptr<blobs::BlobReader>(
                std::make_unique<Reader>(std::move(reader), std::string(name), faults_));
        });
    }
    Result<std::vector<blobs::BlobInfo>> list(std::string_view prefix) const override {
        return faults_->run([&] { return inner_->list(prefix); });
    }
    Result<> remove(std::string_view name) override {
        return faults_->run([&] { return inner_->remove(name); });
    }
    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        return faults_->run([&] { return inner_->sweep(age_seconds); });
    }

  private:
    class Writer final : public blobs::BlobWriter {
      public:
        Writer(std::unique_ptr<blobs::BlobWriter> inner, std::shared_ptr<Faults> faults)
            : inner_(std::move(inner)), faults_(std::move(faults)), epoch_(faults_->epoch()) {}
        Result<> append(std::string_view bytes) override {
            return faults_->run([&]() -> Result<> {
                DAVENPORT_TRY(check_alive());
                if (!faults_->take_bytes(bytes.size()))
                    return fail(ErrorCode::no_space, "no space left on the planned device");
                return inner_->append(bytes);
            });
        }
        std::uint64_t size() const override { return inner_->size(); }
        Result<> commit(std::string_view name) override {
            return faults_->run([&]() -> Result<> {
                DAVENPORT_TRY(check_alive());
                return inner_->commit(name);
            });
        }
        Result<> replace(std::string_view name) override {
            return faults_->run([&]() -> Result<> {
                DAVENPORT_TRY(check_alive());
                return inner_->replace(name);
            });
        }

      private:
        Result<> check_alive() const {
            if (epoch_ != faults_->epoch())
                return fail(ErrorCode::io, "what was written got lost with the power");
            return {};
        }
        std::unique_ptr<blobs::BlobWriter> inner_;
        std::shared_ptr<Faults> faults_;
        const std::uint64_t epoch_;
    };

    class Reader final : public blobs::BlobReader {
      public:
        Reader(std::unique_ptr<blobs::BlobReader> inner, std::string name,
               std::shared_ptr<Faults> faults)
            : inner_(std::move(inner)), name_(std::move(name)), faults_(std::move(faults)) {}
        std::uint64_t size() const override {
            return std::min(inner_->size(), faults_->damage(name_).size);
        }
        Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
            return faults_->run([&]() -> Result<> {
                const Faults::Damage damage = faults_->damage(name_);
                if (damage.is_refused) return fail(ErrorCode::io, "{}: bad sector", name_);
                if (offset > size() || length > size() - offset)
                    return fail(ErrorCode::corrupt, "{} ends at {}", name_, size());
                DAVENPORT_TRY(inner_->read(offset, length, out));
                if (damage.mask != 0 && damage.offset >= offset &&
                    damage.offset - offset < length) {
                    char& byte = out[static_cast<std::size_t>(damage.offset - offset)];
                    byte = static_cast<char>(byte ^ damage.mask);
                }
                if (damage.is_short) out.resize(length / 2);
                return {};
            });
        }

      private:
        std::unique_ptr<blobs::BlobReader> inner_;
        const std::string name_;
        std::shared_ptr<Faults> faults_;
    };

    std::shared_ptr<blobs::BlobStore> inner_;
    std::shared_ptr<Faults> faults_;
};

}  // namespace davenport::test
