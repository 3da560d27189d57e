-- What wrk sends, by its arguments, for a wrk of one thread:
--   restart TOKEN FILE_OF_PATHS | schedule TOKEN PATH_PREFIX QUERY BODY | get TOKEN

local kind, token, paths, position = nil, nil, {}, 0
local prefix, query, body
local headers = {["Content-Type"] = "application/json"}

function init(args)
  kind = args[1]
  if args[2] and args[2] ~= "" then headers["Authorization"] = "Bearer " .. args[2] end
  if kind == "restart" then
    for path in io.lines(args[3]) do
      paths[#paths + 1] = wrk.format("POST", path, headers, "{}")
    end
  elseif kind == "schedule" then
    prefix, query, body = args[3], args[4], args[5]
  else
    paths[1] = wrk.format("POST", "/", headers, "{}")
  end
end

function request()
  position = position + 1
  if kind == "schedule" then
    return wrk.format("PUT", prefix .. position .. query, headers, body)
  end
  return paths[(position - 1) % #paths + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local result = '{"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}'
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local seconds = summary.duration / 1e6
  local p50, p99 = latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  io.write("RESULT " .. string.format(result, summary.requests, seconds, errors.status, broken, p50, p99) .. "\n")
end
