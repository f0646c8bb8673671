-- How a session is packed: offsets as `pack.rs` has them, counted from 1. Times are doubles here, exact below 2^53 µs
-- (the year 2255); generations are pairs of 32 bits, for a double does not hold them.
local SHORTEST = 115

local function is_session(v)
  return #v >= SHORTEST and string.byte(v, 1) == 1
end

local function time_at(v, at)
  local hi, lo = struct.unpack('>i4I4', v, at)
  return hi * 4294967296 + lo
end

-- Whether it is over, and since when.
local function over_since(v)
  if string.byte(v, 75) ~= 0 then
    return time_at(v, 76)
  end
  return math.min(time_at(v, 10) + time_at(v, 92), time_at(v, 84))
end

local function is_live(v, now)
  return is_session(v) and string.byte(v, 75) == 0 and now < over_since(v)
end

-- The key under which the sessions of its subject are listed.
local function owner_of(v, prefix)
  local kind, contract, name = struct.unpack('>BI4c0I4c0', v, 116)
  if kind == 0 then
    return prefix .. 'a:' .. name
  end
  return prefix .. 'c:' .. #contract .. ':' .. contract .. name
end
