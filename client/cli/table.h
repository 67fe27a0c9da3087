// Output for people.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/bytes.h"

namespace capstan::cli {

/// Rows of text in columns that are as wide as their widest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  /// As many cells as the head has.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(std::ostream& to) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// One line "  name   value".
void print_field(std::ostream& to, std::string_view name, std::string_view value);

/// Wall clock, ns since 1970: "2026-01-31 12:34:56.789 UTC".
[[nodiscard]] std::string utc_time(std::uint64_t ns);

/// Bytes of the control character that `text` begins with: of ASCII but the tab, or from U+0080 to
/// U+009F; 0: it begins with another one.
[[nodiscard]] std::size_t control_bytes(Bytes text);

/// What an agent has written, without what a terminal would obey.
[[nodiscard]] std::string printable(std::string_view text);
/// The same of several lines, each with its end.
[[nodiscard]] std::string printable_lines(const std::string& text);

}  // namespace capstan::cli
