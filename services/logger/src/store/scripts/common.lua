-- Keys of other apps than the caller's are reached too: this is one Redis, not a cluster.

local function resize(app, lines, bytes)
  local meta = 'log:meta:' .. app
  redis.call('HINCRBY', meta, 'lines', lines)
  redis.call('ZINCRBY', 'log:sizes', bytes, app)
  redis.call('INCRBY', 'log:bytes', bytes)
  return redis.call('HINCRBY', meta, 'bytes', bytes)
end

-- Removes the oldest entry of an app; false when there is none.
local function drop_oldest(app)
  local stream = 'log:stream:' .. app
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not oldest then return false end
  local fields = oldest[2]
  redis.call('XDEL', stream, oldest[1])
  -- The mark of an app's end was never counted.
  if fields[2] ~= 'x' then resize(app, 0 - tonumber(fields[6]), 0 - #fields[8] - 64) end
  return true
end

-- Adds an entry of so many lines, and removes what is more than may be kept.
local function add(app, kind, lines, message, most_lines, most_bytes, most_in_all)
  local stream, meta = 'log:stream:' .. app, 'log:meta:' .. app
  local total = redis.call('HINCRBY', meta, 'total', lines)
  redis.call('XADD', stream, '*', 'k', kind, 't', total - lines, 'n', lines, 'd', message)
  -- An app that was deleted and has lines again is another one of that name.
  redis.call('PERSIST', stream)
  redis.call('PERSIST', meta)
  resize(app, lines, #message + 64)
  while tonumber(redis.call('HGET', meta, 'lines')) > most_lines
    or tonumber(redis.call('HGET', meta, 'bytes')) > most_bytes do
    if not drop_oldest(app) then break end
  end
  while tonumber(redis.call('GET', 'log:bytes')) > most_in_all do
    local largest = redis.call('ZREVRANGE', 'log:sizes', 0, 0)[1]
    if not largest or not drop_oldest(largest) then break end
  end
end
