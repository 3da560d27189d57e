"""The checks of includes.py hold for this repository, and each of them notices a violation."""

import tempfile
import unittest
from pathlib import Path

import includes

ROOT = Path(__file__).resolve().parents[2]


class ThisRepository(unittest.TestCase):
    def test_obeys(self):
        self.assertEqual(includes.check(ROOT), [])

    def test_has_sources_to_check(self):
        self.assertTrue(list((ROOT / "src").rglob("*.cc")))


class Includes(unittest.TestCase):
    def wrong(self, file: str, included: str) -> str | None:
        return includes.wrong_include(Path(file), Path(included))

    def test_point_down_the_layers(self):
        self.assertIsNone(self.wrong("delivery/delivery.cc", "store/store.h"))
        self.assertIsNone(self.wrong("delivery/delivery.cc", "delivery/queue.h"))
        self.assertEqual(self.wrong("store/store.h", "delivery/delivery.h"), "delivery stands above store")

    def test_leave_fakes_to_tests(self):
        self.assertIsNone(self.wrong("delivery/delivery_test.cc", "store/testing/memory_store.h"))
        self.assertIsNone(self.wrong("delivery/testing/world.h", "store/testing/memory_store.h"))
        self.assertIn("testing", self.wrong("delivery/delivery.cc", "store/testing/memory_store.h"))

    def test_leave_the_choice_of_a_store_to_one_place(self):
        self.assertIsNone(self.wrong("ops/open_store.cc", "store/sqlite/sqlite_store.h"))
        self.assertIsNone(self.wrong("transfer/databases.cc", "store/sqlite/transfer.h"))
        self.assertIsNone(self.wrong("store/sqlite/schema.cc", "store/sqlite/schema.h"))
        self.assertIsNone(self.wrong("gateway/gateway_test.cc", "store/sqlite/sqlite_store.h"))
        self.assertIn("transfer", self.wrong("doctor/examine.cc", "store/sqlite/sqlite_store.h"))
        self.assertIn("transfer", self.wrong("gateway/gateway.cc", "store/sqlite/sqlite_store.h"))
        self.assertIn("transfer", self.wrong("store/store.cc", "store/sqlite/sqlite_store.h"))

    def test_know_every_layer(self):
        self.assertEqual(self.wrong("utilities/string.cc", "base/json.h"), "utilities is no layer")


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def test_are_read_for_includes(self):
        self.write("src/base/json.cc", '#include "base/json.h"\n#include <vector>\n#include "store/store.h"\n')
        self.write("src/base/json.h", "")
        self.assertEqual(
            list(includes.check_includes(self.root / "src")),
            ["src/base/json.cc includes store/store.h: store stands above base"],
        )

    def test_point_one_way_inside_a_folder(self):
        self.write("src/http/server.h", '#include "http/message.h"\n')
        self.write("src/http/server.cc", '#include "http/server.h"\n#include "http/connection.h"\n')
        self.write("src/http/message.h", '#include "base/json.h"\n')
        self.write("src/http/connection.h", "")
        self.write("src/http/connection.cc", '#include "http/connection.h"\n#include "http/server.h"\n')
        self.write("src/http/server_test.cc", '#include "http/server.h"\n')
        self.assertEqual(
            list(includes.check_one_way(self.root / "src")),
            ["src/http: connection.cc includes server.h, server.cc includes connection.h"],
        )
        self.write("src/http/server.cc", '#include "http/server.h"\n')
        self.assertEqual(list(includes.check_one_way(self.root / "src")), [])

    def test_are_all_built(self):
        self.write("src/base/CMakeLists.txt", "afterword_module(base\n  SOURCES json.cc deep/log.cc)\n")
        for name in ["json.cc", "deep/log.cc", "son.cc", "forgotten.cc"]:
            self.write(f"src/base/{name}", "")
        self.assertEqual(
            list(includes.check_all_built(self.root / "src")),
            ["src/base/forgotten.cc is in no CMakeLists.txt", "src/base/son.cc is in no CMakeLists.txt"],
        )

    def test_include_only_what_their_module_declares(self):
        self.write("src/base/CMakeLists.txt", "afterword_module(base\n  SOURCES json.cc\n  DEPENDS fmt::fmt)\n")
        self.write("src/http/CMakeLists.txt", "afterword_module(http\n  SOURCES server.cc\n  DEPENDS afterword_base)\n")
        self.write("src/store/CMakeLists.txt", "afterword_module(store\n  SOURCES store.cc\n  DEPENDS fmt::fmt)\n")
        lists = "afterword_module(store_sqlite\n  SOURCES a.cc\n  DEPENDS afterword_store fmt::fmt)\n"
        self.write("src/store/sqlite/CMakeLists.txt", lists)
        self.write("src/store/store.cc", '#include "store/store.h"\n#include "base/json.h"\n')
        self.write("src/store/store_test.cc", '#include "base/json.h"\n')
        self.write("src/store/sqlite/a.cc", '#include "store/store.h"\n#include "store/sqlite/a.h"\n')
        self.write("src/store/sqlite/a.h", '#include "http/server.h"\n')
        self.assertEqual(
            list(includes.check_declared(self.root / "src")),
            [
                "src/store/sqlite/a.h includes http/server.h: store_sqlite does not declare http",
                "src/store/store.cc includes base/json.h: store does not declare base",
            ],
        )

    def test_name_no_machine(self):
        path = "/" + "home/someone/afterword"
        self.write("README.md", f"Fine.\nRun it in {path}.\n")
        self.assertEqual(
            list(includes.check_machine_names(self.root, [Path("README.md")])),
            [f"README.md:2 names a machine: Run it in {path}."],
        )
        for fine in ["build/work/x", "https://example.org/home/x", "/homepage"]:
            self.write("README.md", fine)
            self.assertEqual(list(includes.check_machine_names(self.root, [Path("README.md")])), [], fine)


if __name__ == "__main__":
    unittest.main()
