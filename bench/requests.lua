-- What wrk sends, by its arguments, for a wrk of one thread:
--   restart FILE, with a line "PATH [TOKEN]" for each | schedule TOKEN[,TOKEN...] PATH_PREFIX QUERY BODY

local kind, ready, position = nil, {}, 0
local users, prefix, query, body = {}, nil, nil, nil

local function headers_of(token)
  local headers = {["Content-Type"] = "application/json"}
  if token ~= "" then headers["Authorization"] = "Bearer " .. token end
  return headers
end

function init(args)
  kind = args[1]
  if kind == "restart" then
    for line in io.lines(args[2]) do
      local path, token = line:match("(%S+) ?(%S*)")
      ready[#ready + 1] = wrk.format("POST", path, headers_of(token), "{}")
    end
  else
    for token in args[2]:gmatch("[^,]+") do users[#users + 1] = headers_of(token) end
    prefix, query, body = args[3], args[4], args[5]
  end
end

function request()
  position = position + 1
  if kind == "schedule" then
    return wrk.format("PUT", prefix .. position .. query, users[(position - 1) % #users + 1], body)
  end
  return ready[(position - 1) % #ready + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local result = '{"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}'
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local seconds = summary.duration / 1e6
  local p50, p99 = latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  io.write("RESULT " .. string.format(result, summary.requests, seconds, errors.status, broken, p50, p99) .. "\n")
end
