-- The twin of `daemun_engine::session::decide`; a test holds one against the other. KEYS[1] the session; ARGV[1] what is
-- presented and the policy, ARGV[2] whom the token speaks of. Returns a verdict and the session after it.
local v = redis.call('GET', KEYS[1])
if not v then
  return { 0 }
end
if not is_session(v) then
  return { 9 }
end
if string.sub(v, 116, 115 + #ARGV[2]) ~= ARGV[2] then
  return { 1 }
end

local g_hi, g_lo = struct.unpack('>I4I4', v, 2)
local before_hi, before_lo = struct.unpack('>I4I4', v, 42)
local p_hi, p_lo, at_hi, at_lo, by, grace_hi, grace_lo, has_gap, gap_hi, gap_lo, any_client =
  struct.unpack('>I4I4i4I4c8i4I4BI4I4B', ARGV[1])
local now = at_hi * 4294967296 + at_lo
local grace = grace_hi * 4294967296 + grace_lo

if string.byte(v, 75) ~= 0 then
  return { 7, v }
end
if now >= time_at(v, 84) then
  return { 8, v }
end

local has_recovered = string.byte(v, 50) == 1

-- A clock that stepped back makes nothing old.
local function within_grace(at)
  return now - time_at(v, at) <= grace
end

-- Writes `bytes` at a place of the session.
local function write(at, bytes)
  redis.call('SETRANGE', KEYS[1], at - 1, bytes)
  v = string.sub(v, 1, at - 1) .. bytes .. string.sub(v, at + #bytes)
end

local function begin_generation(hi, lo, verdict)
  local replaced = struct.pack('>I4I4', hi, lo)
  local presented_at = string.sub(ARGV[1], 9, 16)
  local burst = replaced .. presented_at .. replaced
  local is_first = g_hi == 0 and g_lo <= 1
  if not is_first and (within_grace(10) or (has_recovered and within_grace(59))) then
    if within_grace(34) then
      burst = string.sub(v, 26, 49)
    else
      burst = replaced .. presented_at .. string.sub(v, 26, 33)
    end
  end
  if lo < 4294967295 then
    lo = lo + 1
  elseif hi < 4294967295 then
    hi, lo = hi + 1, 0
  end
  write(2, struct.pack('>I4I4', hi, lo) .. presented_at .. by .. burst)
  return { verdict, v }
end

if p_hi == g_hi and p_lo == g_lo then
  return begin_generation(g_hi, g_lo, 2)
end
if p_hi > g_hi or (p_hi == g_hi and p_lo > g_lo) then
  return begin_generation(p_hi, p_lo, 5)
end
local is_of_the_burst = p_hi > before_hi or (p_hi == before_hi and p_lo >= before_lo)
if is_of_the_burst then
  if (any_client == 1 or by == string.sub(v, 18, 25)) and within_grace(10) then
    return { 3, v }
  end
  if has_recovered and by == string.sub(v, 67, 74) and within_grace(59) then
    return { 3, v }
  end
  local may_recover = has_gap == 1
  if may_recover and has_recovered then
    local r_hi, r_lo = struct.unpack('>I4I4', v, 51)
    local hi, lo = g_hi - r_hi, g_lo - r_lo
    if lo < 0 then
      hi, lo = hi - 1, lo + 4294967296
    end
    if hi < 0 then
      hi, lo = 0, 0
    end
    may_recover = hi > gap_hi or (hi == gap_hi and lo >= gap_lo)
  end
  if may_recover then
    write(50, '\1' .. string.sub(v, 2, 9) .. string.sub(ARGV[1], 9, 16) .. by)
    return { 4, v }
  end
end
-- Whoever reads this ends the session, which takes more than one key.
return { 6, v }
