#include <iostream>

#include "commands.h"
#include "config/init.h"
#include "exit_code.h"
#include "params_json.h"

namespace capstan::cli {

int run_init(const InitOptions& options) {
  const auto endpoint = init_directory(options.directory, options.listen);
  if (!endpoint) return report(endpoint.error());
  const std::string& directory = options.directory;
  if (options.json) {
    std::cout << json_line({{"directory", directory}, {"endpoint", *endpoint}});
    return kExitDone;
  }
  std::cout << "made a hub's folder in " << directory << ", listening on " << *endpoint << "\n\n"
            << "next:\n"
            << "  capstand --dir " << directory << "                      start the hub\n"
            << "  capstan agent add alice --dir " << directory << "       admit an agent\n"
            << "  capstan agent add bob --dir " << directory << "\n"
            << "  capstan send bob hello --as alice --dir " << directory << '\n'
            << "  capstan listen --as bob --count 1 --dir " << directory << '\n';
  return kExitDone;
}

}  // namespace capstan::cli
