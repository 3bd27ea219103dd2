#pragma once

#include <string>
#include <string_view>

namespace davenport {

// What the lines are about that this thread logs while the object lives: the logger adds it to
// each. Objects of one field nest. Each belongs to the thread that made it.
//
//   const LogContext context(LogContext::Field::job_id, job.id);
class LogContext {
  public:
    enum class Field { request_id, job_id };

    LogContext(Field field, std::string value);
    ~LogContext();
    LogContext(const LogContext&) = delete;
    LogContext& operator=(const LogContext&) = delete;

    // Of the calling thread; empty = none. Valid until that object goes.
    static std::string_view current(Field field);

  private:
    const Field field_;
    const std::string value_;
    const LogContext* const outer_;
};

}  // namespace davenport
