// Runs a fuzz target over every file of some folders: seeds and corpus as an ordinary test.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "target.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// In memory of exactly its length, so that AddressSanitizer sees every byte read beyond it.
capstan::ByteBuffer content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(in), {}};
  return {content.begin(), content.end()};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> folders(argv + 1, argv + argc);
  for (const std::string& folder : folders) {
    const std::vector<fs::path> files = files_in(folder);
    for (const fs::path& file : files) {
      // The last name printed is the input that ended the process.
      std::puts(file.c_str());
      std::fflush(stdout);
      const capstan::ByteBuffer content = content_of(file);
      capstan::fuzz::run_one(content);
    }
    std::printf("replayed %zu files of %s\n", files.size(), folder.c_str());
    if (files.empty()) return 1;
  }
  if (folders.empty()) std::fputs("usage: TARGET_replay FOLDER...\n", stderr);
  return folders.empty() ? 2 : 0;
}
