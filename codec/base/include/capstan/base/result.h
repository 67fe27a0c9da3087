// Operating errors are values: a T or an Error, and nobody may ignore which.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "capstan/base/check.h"
#include "capstan/base/error.h"

namespace capstan {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : value_(std::in_place_index<1>, std::move(error)) {}
  Result(ErrorCode code, std::string context)
      : value_(std::in_place_index<1>, Error{code, std::move(context)}) {}

  [[nodiscard]] bool ok() const { return value_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    CAPSTAN_CHECK(ok());
    return *std::get_if<0>(&value_);
  }
  [[nodiscard]] const T& value() const& {
    CAPSTAN_CHECK(ok());
    return *std::get_if<0>(&value_);
  }
  [[nodiscard]] T&& value() && {
    CAPSTAN_CHECK(ok());
    return std::move(*std::get_if<0>(&value_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  [[nodiscard]] const Error& error() const {
    CAPSTAN_CHECK(!ok());
    return *std::get_if<1>(&value_);
  }

 private:
  std::variant<T, Error> value_;
};

/// A Result without a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  Status(ErrorCode code, std::string context) : error_(Error{code, std::move(context)}) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const {
    CAPSTAN_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace capstan
