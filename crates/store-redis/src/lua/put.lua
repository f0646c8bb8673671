-- KEYS[3] the session, KEYS[4] its subject's, KEYS[5] its day's, KEYS[6] all days. ARGV[5] what ends the others (nothing
-- where they stay), ARGV[6] how an entry begins, ARGV[7] the id, ARGV[8] the session, ARGV[9] how long its keys live,
-- ARGV[10] its milliseconds, ARGV[11] its day, ARGV[12] how keys of sessions begin, ARGV[13] what the others must have in
-- common with it. Returns the entries added: number, id, number, id …
if redis.call('EXISTS', KEYS[3]) == 1 then
  return false
end
begin()
local ended = {}
if ARGV[5] ~= '' then
  local now = tonumber(ARGV[1])
  for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    local key = ARGV[12] .. id .. '}'
    local v = redis.call('GET', key)
    if v and is_live(v, now) and string.sub(v, 116, 115 + #ARGV[13]) == ARGV[13] then
      redis.call('SETRANGE', key, 74, ARGV[5])
      ended[#ended + 1] = append(ARGV[6] .. id)
      ended[#ended + 1] = id
    end
  end
end
redis.call('SET', KEYS[3], ARGV[8], 'PX', ARGV[9])
redis.call('ZADD', KEYS[4], ARGV[10], ARGV[7])
redis.call('ZADD', KEYS[5], 0, ARGV[7])
redis.call('ZADD', KEYS[6], ARGV[11], ARGV[11])
for _, key in ipairs({ KEYS[4], KEYS[5] }) do
  if redis.call('PTTL', key) < tonumber(ARGV[9]) then
    redis.call('PEXPIRE', key, ARGV[9])
  end
end
tell()
return ended
