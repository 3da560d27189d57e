-- What wrk sends, by its arguments, for a wrk of one thread:
--   [pause=MS] manage METHOD FILE [once], with a line "PATH [TOKEN]" for each; `once`: it ends when all were answered
--   [pause=MS] schedule TOKENS ROOMS PATH_PREFIX QUERY BODY DELAY_MS [COUNT FILE]
-- TOKENS and ROOMS are separated by commas, and each takes its turn; DELAY_MS may be FROM-TO, then it is drawn. With
-- COUNT it ends when so many were taken, and their delay_ids are in FILE.

local ready, position = {}, 0
local users, prefixes, query, body = {}, {}, nil, nil
local from, to = nil, nil  -- milliseconds of delay
local wanted, answered, refused, file = nil, 0, 0, nil

local function tell(...)
  local names = {"requests", "seconds", "refused", "broken", "p50_ms", "p99_ms", "longest_ms"}
  local members = {}
  for place, value in ipairs({...}) do members[place] = string.format('"%s": %.10g', names[place], value) end
  io.write("RESULT {" .. table.concat(members, ", ") .. "}\n")
  io.flush()
end

local function headers_of(token)
  local headers = {["Content-Type"] = "application/json"}
  if token ~= "" then headers["Authorization"] = "Bearer " .. token end
  return headers
end

-- wrk itself only ends when its time is over.
local function count(status, headers, answer)
  answered = answered + 1
  if status >= 400 then refused = refused + 1 end
  if file then file:write(answer:match('"delay_id": *"([^"]+)"') or "", "\n") end
  if answered == wanted then
    if file then file:close() end
    tell(answered, 1, refused, 0, 0, 0, 0)
    os.exit(0)
  end
end

function init(args)
  local pause = args[1]:match("^pause=(%d+)$")
  if pause then
    table.remove(args, 1)
    pause = tonumber(pause)
    -- Each another one: else all connections would send together for ever, as they did first.
    delay = function() return math.random(0, 2 * pause) end
  end
  if args[1] == "manage" then
    for line in io.lines(args[3]) do
      local path, token = line:match("(%S+) ?(%S*)")
      local text = args[2] ~= "GET" and "{}" or nil
      ready[#ready + 1] = wrk.format(args[2], path, headers_of(token), text)
    end
    if args[4] == "once" then
      wanted = #ready
      response = count
    end
    return
  end
  for token in args[2]:gmatch("[^,]+") do users[#users + 1] = headers_of(token) end
  for room in args[3]:gmatch("[^,]+") do
    prefixes[#prefixes + 1] = args[4]:gsub("ROOM", function() return room end)
  end
  query, body = args[5], args[6]
  from, to = args[7]:match("^(%d+)-?(%d*)$")
  from, to = tonumber(from), tonumber(to) or tonumber(from)
  if from == to then
    query, body = query:gsub("DELAY", from), body:gsub("DELAY", from)
  end
  if args[8] then
    wanted = tonumber(args[8])
    file = io.open(args[9], "w")
    response = count
  end
end

function request()
  position = position + 1
  if not prefixes[1] then return ready[(position - 1) % #ready + 1] end
  local path, query, body = prefixes[(position - 1) % #prefixes + 1] .. position, query, body
  if from ~= to then
    local delay_ms = tostring(math.random(from, to))
    query, body = query:gsub("DELAY", delay_ms), body:gsub("DELAY", delay_ms)
  end
  return wrk.format("PUT", path .. query, users[(position - 1) % #users + 1], body)
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local p50, p99, longest = latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3
  tell(summary.requests, summary.duration / 1e6, errors.status, broken, p50, p99, longest)
end
