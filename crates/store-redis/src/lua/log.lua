-- The log: KEYS[1] its entries, KEYS[2] what is known of it. ARGV[1] the caller's time, ARGV[2] the entry that a lost log
-- begins with, ARGV[3] a random name, ARGV[4] where its growth is told.
local has_grown = false

-- Adds an entry; its number, as text. Numbers rise by time, so that they go on rising after the data was lost.
local function append(entry)
  local last = tonumber(redis.call('HGET', KEYS[2], 'last') or '0')
  local seq = math.max(last + 1, tonumber(ARGV[1]))
  local hi = math.floor(seq / 4294967296)
  local text = string.format('%.0f', seq)
  redis.call('ZADD', KEYS[1], text, struct.pack('>I4I4', hi, seq - hi * 4294967296) .. entry)
  redis.call('HSET', KEYS[2], 'last', text)
  has_grown = true
  return text
end

-- Where there is no log there was one that is lost: whoever began before now is logged out.
local function begin()
  if redis.call('HEXISTS', KEYS[2], 'begun') == 0 then
    redis.call('HSETNX', KEYS[2], 'name', ARGV[3])
    append(ARGV[2])
    redis.call('HSET', KEYS[2], 'begun', '1')
  end
end

local function tell()
  if has_grown then
    redis.call('PUBLISH', ARGV[4], '')
  end
end
