#pragma once

#include "chain.hpp"
#include "davenport/audit/log.hpp"
#include "pages.hpp"
#include "repeats.hpp"

#include <thread>

namespace davenport::audit {

class StoredLog final : public Log {
  public:
    StoredLog(std::shared_ptr<documents::Database> control, const Clock& clock,
              const SigningKey& key, Options options);
    ~StoredLog() override;
    Result<> prepare();

    void start() override;
    void stop() override;
    Result<std::uint64_t> record(const Event& event) override;
    void record_outcome(const Event& event) override;
    Result<> record_repeating(const Event& event) override;
    Result<> record_unproven(const Event& event) override;
    Result<Page> list(std::uint64_t since, std::uint64_t limit) override;
    Result<Page> newest(std::uint64_t limit) override;
    Result<std::unique_ptr<Export>> export_all() override;
    Result<Verification> verify(const std::function<bool()>& stopping) override;
    Result<std::uint64_t> trim() override;
    Result<> flush(Due due) override;
    Result<> keep_head() override;

  private:
    struct Postponed {
        Event event;
        std::int64_t at_ms;
    };
    void postpone(const Event& event, std::int64_t at_ms);
    Result<> write_postponed();
    Result<> check_kept_head(const Head& kept);
    Result<Trimmed> find_old(std::uint64_t last);
    Result<std::uint64_t> remove_through(std::uint64_t through);
    Result<std::vector<VerifyingKey>> known_keys();
    void keep_going();

    Pages pages_;
    const Clock& clock_;
    const SigningKey& key_;
    const Options options_;
    Chain chain_;
    Repeats repeats_;
    Budget budget_;

    std::mutex postponed_mutex_;
    std::deque<Postponed> postponed_;
    std::mutex writing_postponed_;
    std::mutex head_mutex_;
    std::uint64_t head_kept_ = 0;  // its number; 0 = not known

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread keeper_;
};

}  // namespace davenport::audit
