#include "davenport/base/log_context.hpp"

#include <utility>

namespace davenport {
namespace {

thread_local const LogContext* innermost[2] = {};

}  // namespace

LogContext::LogContext(Field field, std::string value)
    : field_(field),
      value_(std::move(value)),
      outer_(std::exchange(innermost[static_cast<int>(field)], this)) {}

LogContext::~LogContext() {
    innermost[static_cast<int>(field_)] = outer_;
}

std::string_view LogContext::current(Field field) {
    const LogContext* context = innermost[static_cast<int>(field)];
    return context ? std::string_view(context->value_) : std::string_view();
}

}  // namespace davenport
