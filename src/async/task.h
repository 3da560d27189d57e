// Task<T>: a coroutine that yields a T. All tasks of a server run on one io_context and one thread, so they need no
// locks among themselves; a suspended task may find the world changed when it goes on.
//
// Rules (GCC 12 miscompiles some of what these forbid): parameters by value or by reference to what outlives the task;
// no capturing lambda as a coroutine that outlives its frame; no braced temporary inside a co_await expression, name it
// first.
#pragma once

#include "base/memory_pool.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>

namespace afterword::async {

namespace asio = boost::asio;

using Executor = asio::any_io_executor;

template <class T>
using Task = asio::awaitable<T, Executor>;

}  // namespace afterword::async

// The frames of tasks come from the pool. Asio itself recycles two, of at most a kilobyte.
template <>
inline void* boost::asio::detail::awaitable_frame_base<boost::asio::any_io_executor>::operator new(std::size_t size) {
  return afterword::MemoryPool::take(size);
}
template <>
inline void boost::asio::detail::awaitable_frame_base<boost::asio::any_io_executor>::operator delete(void* frame,
                                                                                                     std::size_t size) {
  afterword::MemoryPool::give_back(frame, size);
}
