-- KEYS: the source. ARGV: app, what the caller believes of the source and of the app's end, what is to be written for the source,
-- how many seconds that is to stay, lines, message, and the three limits.
local stored = redis.call('GET', KEYS[1]) or ''
local gone = redis.call('HGET', 'log:meta:' .. ARGV[1], 'gone') or ''
if stored ~= ARGV[2] or gone ~= ARGV[3] then return { 0, stored, gone } end
redis.call('SET', KEYS[1], ARGV[4], 'EX', ARGV[5])
add(ARGV[1], 'l', tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]))
return { 1, stored, gone }
