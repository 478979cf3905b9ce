-- SPDX-License-Identifier: Apache-2.0
-- For wrk: sends the requests of a file in turn, METHOD <tab> PATH <tab> BODY a line; "@N@" in a body becomes a
-- number that is used once, a body "@FILE@name" is that file with such a number at its beginning, so that no two are
-- the same. Arguments: the file, the first number. One thread.
local requests, at, number = {}, 0, 0

local function read(name)
  local f = assert(io.open(name, "rb"))
  local text = f:read("*a")
  f:close()
  return text
end

function init(args)
  local json = { ["Content-Type"] = "application/json" }
  number = tonumber(args[2])
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
    local name = body:match("^@FILE@(.*)$")
    if name then
      requests[#requests + 1] = { method, path, nil, {}, read(name):sub(17) }
    elseif body:find("@N@", 1, true) then
      requests[#requests + 1] = { method, path, body, json }
    else
      requests[#requests + 1] = wrk.format(method, path, json, body ~= "" and body or nil)
    end
  end
end

function request()
  at = at % #requests + 1
  local r = requests[at]
  if type(r) == "string" then return r end
  number = number + 1
  if r[5] then return wrk.format(r[1], r[2], r[4], string.format("%016d", number) .. r[5]) end
  return wrk.format(r[1], r[2], r[4], (r[3]:gsub("@N@", string.format("%d", number))))
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("\nRESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
