-- KEYS[1] the account's sessions, KEYS[2] all days. ARGV[1] how many at most, ARGV[2] how keys of sessions begin, ARGV[3]
-- how keys of days do. Returns how many were deleted.
local listed = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
for n = 1, #listed, 2 do
  local id, day = listed[n], math.floor(tonumber(listed[n + 1]) / 86400000)
  local text = string.format('%.0f', day)
  redis.call('DEL', ARGV[2] .. id .. '}')
  redis.call('ZREM', ARGV[3] .. text, id)
  if redis.call('EXISTS', ARGV[3] .. text) == 0 then
    redis.call('ZREM', KEYS[2], text)
  end
  redis.call('ZREM', KEYS[1], id)
end
return #listed / 2
