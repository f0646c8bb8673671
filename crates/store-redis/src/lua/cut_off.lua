-- KEYS[3] the account's sessions, KEYS[4] which cut-off of its the log was told of. ARGV[5] the sessions' end, ARGV[6] the
-- entry, ARGV[7] the cut-off in µs, ARGV[8] in ms, ARGV[9] whether to tell again, ARGV[10] how long to remember, ARGV[11]
-- how keys of sessions begin. Returns the number of the entry.
begin()
local seq = false
local told = redis.call('GET', KEYS[4])
local is_news = not told or tonumber(told) < tonumber(ARGV[7])
if is_news or ARGV[9] == '1' then
  seq = append(ARGV[6])
  local longest = math.max(redis.call('PTTL', KEYS[4]), tonumber(ARGV[10]))
  local latest = is_news and ARGV[7] or told
  redis.call('SET', KEYS[4], latest, 'PX', string.format('%.0f', longest))
end
local now = tonumber(ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[8])) do
  local key = ARGV[11] .. id .. '}'
  local v = redis.call('GET', key)
  if v and is_live(v, now) then
    redis.call('SETRANGE', key, 74, ARGV[5])
  end
end
tell()
return seq
