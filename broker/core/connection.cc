#include "connection.h"

namespace capstan {

void OpenNumbers::open(std::uint64_t number, const ChannelId& channel) {
  close(number);
  channel_of_.emplace(number, channel);
  by_channel_[channel].insert(number);
}

void OpenNumbers::close(std::uint64_t number) {
  const auto at = channel_of_.find(number);
  if (at == channel_of_.end()) return;
  const auto channel = by_channel_.find(at->second);
  channel->second.erase(number);
  if (channel->second.empty()) by_channel_.erase(channel);
  channel_of_.erase(at);
}

bool OpenNumbers::blocks(std::uint64_t number, const ChannelId& channel) const {
  if (channel_of_.empty()) return false;
  const auto at = by_channel_.find(channel);
  return at != by_channel_.end() && *at->second.begin() < number;
}

}  // namespace capstan
