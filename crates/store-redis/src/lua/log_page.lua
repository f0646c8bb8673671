-- ARGV[5] after which number, ARGV[6] how many.
begin()
tell()
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[5], '+inf', 'LIMIT', 0, ARGV[6])
