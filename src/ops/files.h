// Small text files, read and written whole. Blocks; for start-up.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <string>
#include <system_error>

namespace afterword::ops {

// Why a file cannot be read, for a person.
struct Unreadable {
  std::string reason;
};

// At most 1 MiB: nothing of ours is larger. Only of a regular file: another may have no end, or keep us waiting for
// one.
Result<std::string, Unreadable> read_text_file(const std::filesystem::path& path);

// Makes the file, for its owner alone (0600), and syncs it to disk. What root makes belongs to the owner of the folder:
// to the user that the server will run as, if it is /etc/afterword. Fails if there is one, whatever it is; leaves
// nothing behind when it fails.
Result<void, std::error_code> write_new_file(const std::filesystem::path& path, const std::string& text);

// Whether users of this machine can read the file, or change it, who are neither its owner nor in its group: by its own
// mode, and those of the folders above it.
bool is_open_to_others(const std::filesystem::path& path);

}  // namespace afterword::ops
