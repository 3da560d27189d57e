// Task<T>: a coroutine that yields a T. All tasks of a server run on one io_context and one thread, so they need no
// locks among themselves; a suspended task may find the world changed when it goes on.
//
// Rules (GCC 12 miscompiles some of what these forbid): parameters by value or by reference to what outlives the task;
// no capturing lambda as a coroutine that outlives its frame; no braced temporary inside a co_await expression, name it
// first.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace afterword::async {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T, asio::any_io_executor>;

using Executor = asio::any_io_executor;

}  // namespace afterword::async
