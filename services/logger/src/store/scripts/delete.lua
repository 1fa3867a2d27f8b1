-- ARGV: app, the time, and for how many seconds it is remembered.
local app, stream, meta = ARGV[1], 'log:stream:' .. ARGV[1], 'log:meta:' .. ARGV[1]
resize(app, 0, 0 - tonumber(redis.call('HGET', meta, 'bytes') or 0))
redis.call('ZREM', 'log:sizes', app)
-- Emptied, not removed: so that ids go on growing, and those who follow read that it is the end.
redis.call('XTRIM', stream, 'MAXLEN', 0)
redis.call('XADD', stream, '*', 'k', 'x', 't', 0, 'n', 0, 'd', '')
redis.call('EXPIRE', stream, ARGV[3])
redis.call('DEL', meta)
-- Lines that were written before it and come after it belong to nobody.
redis.call('HSET', meta, 'gone', ARGV[2])
redis.call('EXPIRE', meta, ARGV[3])
