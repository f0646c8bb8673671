-- KEYS[1] the log. ARGV[1] how many of its oldest entries to look at, ARGV[2] the time. Returns how many were deleted.
local now, deleted = tonumber(ARGV[2]), 0
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local hi, lo = struct.unpack('>i4I4', entry, 9)
  if hi * 4294967296 + lo < now then
    deleted = deleted + redis.call('ZREM', KEYS[1], entry)
  end
end
return deleted
