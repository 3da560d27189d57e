#include "monitoring/event_handles.h"

#include <gtest/gtest.h>

namespace afterword::monitoring {
namespace {

using domain::DelayId;

TEST(EventHandles, LeadBackToTheEvent) {
  const EventHandles handles;
  const DelayId delay_id = DelayId::random();
  const std::string handle = handles.handle_of(delay_id);
  EXPECT_EQ(handle.size(), 25u);
  EXPECT_EQ(handles.find(handle), delay_id);
  EXPECT_EQ(handles.handle_of(delay_id), handle) << "the same each time";
  EXPECT_NE(handles.handle_of(DelayId::random()), handle);
}

TEST(EventHandles, MeanNothingAnywhereElse) {
  const DelayId delay_id = DelayId::random();
  const std::string handle = EventHandles().handle_of(delay_id);
  EXPECT_EQ(handle.find(delay_id.to_string()), std::string::npos);
  EXPECT_NE(EventHandles().find(handle), delay_id) << "of another process";
  EXPECT_NE(DelayId::parse(handle.substr(3)), delay_id);
}

TEST(EventHandles, AreNothingElse) {
  const EventHandles handles;
  const std::string handle = handles.handle_of(DelayId::random());
  for (const std::string& text : {std::string(), std::string("ev-"), handle.substr(3), handle + "A", "ev-" + handle,
                                  handle.substr(0, 24), DelayId::random().to_string()}) {
    EXPECT_FALSE(handles.find(text)) << text;
  }
}

}  // namespace
}  // namespace afterword::monitoring
