// The rules of managing a delayed event (docs/protocol.md section 2), as one table.
#pragma once

#include "domain/delayed_event.h"

#include <array>
#include <cstdint>

namespace afterword::domain {

enum class Action : std::uint8_t { send, cancel, restart };

enum class Effect : std::uint8_t {
  perform,  // the action takes place
  already,  // the event has that outcome: nothing to do, and nothing wrong
  refuse,   // the event has another outcome, which stands
  wait,     // a send is under way: its outcome decides
};

// Row: State. Column: Action.
inline constexpr auto transitions = std::to_array<std::array<Effect, 3>>({
    //                 send             cancel           restart
    /* scheduled */ {{Effect::perform, Effect::perform, Effect::perform}},
    /* sending   */ {{Effect::wait, Effect::wait, Effect::wait}},
    /* sent      */ {{Effect::already, Effect::refuse, Effect::refuse}},
    /* failed    */ {{Effect::refuse, Effect::already, Effect::refuse}},
    /* cancelled */ {{Effect::refuse, Effect::already, Effect::refuse}},
});
static_assert(transitions.size() == state_count, "a row for each state");

constexpr Effect effect_of(Action action, State found) {
  return transitions[static_cast<std::size_t>(found)][static_cast<std::size_t>(action)];
}

}  // namespace afterword::domain
