-- KEYS[1] a counter. ARGV[1] whether a value is expected, ARGV[2] which, ARGV[3] whether there is a new one, ARGV[4]
-- which, ARGV[5] for how many ms it is kept. Returns 1 where the change was made, or else what is there.
local found = redis.call('GET', KEYS[1])
local is_expected = (ARGV[1] == '1' and found == ARGV[2]) or (ARGV[1] == '0' and not found)
if not is_expected then
  return { 0, found }
end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
return { 1 }
