#include "capstan/base/error.h"

namespace capstan {

std::string_view error_name(ErrorCode code) {
  switch (code) {
#define CAPSTAN_ERROR_NAME(name, number, text, reaction) \
  case ErrorCode::name:                                  \
    return text;
    CAPSTAN_ERRORS(CAPSTAN_ERROR_NAME)
#undef CAPSTAN_ERROR_NAME
  }
  return "unknown";
}

Reaction error_reaction(ErrorCode code) {
  switch (code) {
#define CAPSTAN_ERROR_REACTION(name, number, text, reaction) \
  case ErrorCode::name:                                      \
    return Reaction::reaction;
    CAPSTAN_ERRORS(CAPSTAN_ERROR_REACTION)
#undef CAPSTAN_ERROR_REACTION
  }
  return Reaction::kNever;
}

std::optional<ErrorCode> error_from_number(std::uint64_t number) {
  switch (number) {
#define CAPSTAN_ERROR_NUMBER(name, value, text, reaction) \
  case value:                                             \
    return ErrorCode::name;
    CAPSTAN_ERRORS(CAPSTAN_ERROR_NUMBER)
#undef CAPSTAN_ERROR_NUMBER
    default:
      return std::nullopt;
  }
}

std::string Error::text() const {
  std::string text(error_name(code));
  if (!context.empty()) text += ": " + context;
  return text;
}

}  // namespace capstan
