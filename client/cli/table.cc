#include "table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iomanip>
#include <sstream>

namespace capstan::cli {

namespace {

constexpr int kFieldNameWidth = 20;

}  // namespace

void Table::print(std::ostream& to) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      to << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
    }
    to << row.back() << '\n';
  }
}

void print_field(std::ostream& to, std::string_view name, std::string_view value) {
  to << "  " << std::left << std::setw(kFieldNameWidth) << name << value << '\n';
}

std::string utc_time(std::uint64_t ns) {
  const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  std::tm parts{};
  (void)gmtime_r(&seconds, &parts);
  std::array<char, 32> day{};
  (void)std::strftime(day.data(), day.size(), "%Y-%m-%d %H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  (void)std::snprintf(fraction.data(), fraction.size(), ".%03u",
                      static_cast<unsigned>(ns / 1'000'000 % 1'000));
  return std::string(day.data()) + fraction.data() + " UTC";
}

std::size_t control_bytes(Bytes text) {
  if (text[0] < 0x20) return text[0] == '\t' ? 0 : 1;
  if (text[0] == 0x7f) return 1;
  return text[0] == 0xc2 && text.size() > 1 && text[1] < 0xa0 ? 2 : 0;
}

std::string printable(std::string_view text) {
  std::string out;
  for (Bytes rest = as_bytes(text); !rest.empty();) {
    const std::size_t control = control_bytes(rest);
    out += control > 0 ? '?' : static_cast<char>(rest[0]);
    rest = rest.subspan(std::max<std::size_t>(control, 1));
  }
  return out;
}

std::string printable_lines(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += printable(line) + '\n';
  return out;
}

}  // namespace capstan::cli
