-- KEYS[1] what is known of the log; ARGV[1] a random name for one that has none.
redis.call('HSETNX', KEYS[1], 'name', ARGV[1])
return redis.call('HGET', KEYS[1], 'name')
