# Work beside the web: a line every ten seconds, until it is told to end.

$stdout.sync = true
ended, finish = IO.pipe
%w[TERM INT].each { |signal| trap(signal) { finish.close } }

powered_by = ENV.fetch("POWERED_BY", "")
puts "worker started"
puts "working for #{powered_by.empty? ? "Deis" : powered_by}" until IO.select([ended], nil, nil, 10)
puts "worker ended"
