"""The rules of coroutines.py hold for this repository, and each of them notices a violation, and only that."""

import unittest
from pathlib import Path

import coroutines

ROOT = Path(__file__).resolve().parents[2]
BRACES = "a temporary with braces inside a co_await expression"
LAMBDA = "a lambda that captures is a coroutine"
REFERENCE = "a task takes a reference to what may be a temporary, and no comment says what outlives it"


class Rules(unittest.TestCase):
    def found(self, text: str, header: str = "") -> list[str]:
        return [problem for _, problem in coroutines.problems_of(text, header)]

    def test_are_obeyed_here(self):
        self.assertEqual(coroutines.check(ROOT), [])

    def test_name_temporaries_with_braces(self):
        for wrong in [
            "co_await f(Foo{1, 2});",
            "co_await f({});",
            "const auto x = co_await f(1, g(Foo{}));",
            "if (co_await f({1})) return;",
            "co_await (f({1}) || g());",
            "co_await f(\n    Foo{});",
            "co_await f([&] { return 1; }, Foo{});",
        ]:
            self.assertEqual(self.found(wrong), [BRACES], wrong)
        for right in [
            "co_await f(foo);",
            "if (co_await f()) { g(Foo{}); }",
            "for (auto x : co_await f()) { g({}); }",
            "co_await f(); Foo foo{1};",
            "const Foo foo{1}; co_await f(foo);",
            "co_await f([] { return 1; });",
            "co_await f([&x](int y) -> int { return x + y; });",
            "co_await f([x](auto&&... y) mutable noexcept { return g(y...); });",
            'co_await f("{}");',
            "co_await f('{');",
            "// co_await f({});",
            "/* co_await f({}); */",
            'co_await f(R"({"a": {}})");',
        ]:
            self.assertEqual(self.found(right), [], right)

    def test_let_no_switch_await(self):
        for wrong in ["switch (co_await f()) {", "switch(g(co_await f(1))) { case 1: break; }"]:
            self.assertEqual(self.found(wrong), ["a co_await in the condition of a switch"], wrong)
        for right in ["switch (state) { case 1: co_await f(); }", "if (co_await f()) return;"]:
            self.assertEqual(self.found(right), [], right)

    def test_let_no_coroutine_capture(self):
        for wrong in [
            "auto f = [&]() -> Task<void> { co_await g(); };",
            "spawn([this] { co_return; });",
            "spawn([x = 1]() mutable -> Task<int> { co_return x; }());",
            "return [&] { auto other = [&] { return 1; }; co_yield other(); };",
        ]:
            self.assertEqual(self.found(wrong), [LAMBDA], wrong)
        for right in [
            "auto f = []() -> Task<void> { co_await g(); };",
            "spawn([](Foo& foo) -> Task<void> { co_await foo.g(); }(foo));",
            "auto f = [&] { return g(); }; co_await f();",
            "auto f = [&] { return []() -> Task<void> { co_return; }; };",
            "x[1] = 2; co_await g();",
            "[[nodiscard]] Task<void> f() { co_return; }",
        ]:
            self.assertEqual(self.found(right), [], right)

    def test_let_no_task_take_a_reference_to_a_temporary_in_silence(self):
        for wrong in [
            "Task<void> f(const std::string& text);",
            "async::Task<Result<int, X>> f(int a, const Result<int, X>& b) { co_return 1; }",
            "Task<void> f(std::string_view text) { co_return; }",
            "Task<void> f(Foo&& foo);",
            "virtual Task<void> f(\n    std::span<const int> numbers) = 0;",
        ]:
            self.assertEqual(self.found(wrong), [REFERENCE], wrong)
            self.assertEqual(self.found("// What it refers to outlives the task.\n" + wrong), [])
            self.assertEqual(self.found(wrong, header="// `text` must outlive the task.\n"), [])
        for right in [
            "Task<void> f(std::string text);",
            "Task<void> f(Foo& foo, const int* numbers, const std::string text);",
            "Task<void> f(const std::string& text) override;",
            "Task<void> Foo::f(const std::string& text) { co_return; }",
            "int f(const std::string& text);",
        ]:
            self.assertEqual(self.found(right), [], right)
        self.assertEqual(self.found('Task<void> f(const Foo& foo) { log("outlives"); }'), [REFERENCE])

    def test_say_the_line(self):
        text = "// A file.\n\nTask<void> f() {\n  co_await g({});\n}\n"
        self.assertEqual(coroutines.problems_of(text), [(4, BRACES)])


if __name__ == "__main__":
    unittest.main()
