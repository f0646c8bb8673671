-- KEYS[1] a day's sessions, KEYS[2] all days. ARGV[1] after which, ARGV[2] how many to look at, ARGV[3] before when they
-- must have been over, ARGV[4] until before when they must have been kept, ARGV[5] how all keys begin, ARGV[6] the day.
-- Returns how many were deleted and the last one looked at.
local before, now = tonumber(ARGV[3]), tonumber(ARGV[4])
local listed = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local deleted = 0
for _, id in ipairs(listed) do
  local key = ARGV[5] .. 's:{' .. id .. '}'
  local v = redis.call('GET', key)
  if not v then
    redis.call('ZREM', KEYS[1], id)
  elseif is_session(v) and over_since(v) < before and time_at(v, 100) < now then
    redis.call('DEL', key)
    redis.call('ZREM', owner_of(v, ARGV[5]), id)
    redis.call('ZREM', KEYS[1], id)
    deleted = deleted + 1
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[6])
end
return { deleted, listed[#listed] or '', #listed }
