#include "table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iomanip>

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

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace capstan::cli
