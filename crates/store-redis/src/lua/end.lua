-- KEYS[3] the session. ARGV[5] its end, ARGV[6] how an entry begins, ARGV[7] the id, ARGV[8] whether one that has run out
-- counts as over. Returns the number of the entry and the session after it.
begin()
local v = redis.call('GET', KEYS[3])
local answer = false
if v and not is_session(v) then
  answer = { '' }
elseif v and string.byte(v, 75) == 0 and (ARGV[8] == '0' or is_live(v, tonumber(ARGV[1]))) then
  redis.call('SETRANGE', KEYS[3], 74, ARGV[5])
  answer = { append(ARGV[6] .. ARGV[7]), redis.call('GET', KEYS[3]) }
end
tell()
return answer
