-- ARGV: app, lines, message, and the three limits.
add(ARGV[1], 'e', tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
