# A web app of one page: who runs it, as its configuration says.

require "webrick"

$stdout.sync = true

# The address that the router saw, or else the one that we see.
def client(request)
  forwarded = request["X-Forwarded-For"]
  forwarded ? forwarded.split(",").first.strip : request.peeraddr[3]
end

server = WEBrick::HTTPServer.new(
  BindAddress: "0.0.0.0",
  Port: ENV.fetch("PORT", "5000").to_i,
  AccessLog: [],
  DoNotReverseLookup: true
)
powered_by = ENV.fetch("POWERED_BY", "")
powered_by = "Deis" if powered_by.empty?
server.mount_proc("/") do |request, response|
  puts "#{client(request)} #{request.request_method} #{request.path}"
  response.content_type = "text/plain; charset=utf-8"
  response.body = "Powered by #{powered_by}\n"
end

# Requests that have begun are finished.
%w[TERM INT].each { |signal| trap(signal) { server.shutdown } }
server.start
