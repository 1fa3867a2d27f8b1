// An app whose answer to a request is a connection with the address that the request names, made from the app's own pod.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(tunnel)))
}

// tunnel answers 101 and passes on what comes from either side, or 424 and why there is no connection.
func tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := net.DialTimeout("tcp", r.URL.Query().Get("to"), 5*time.Second)
	if err != nil {
		http.Error(w, err.Error(), http.StatusFailedDependency)
		return
	}
	defer far.Close()
	near, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer near.Close()
	fmt.Fprint(near, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tunnel\r\n\r\n")
	go func() {
		io.Copy(far, buffered)
		far.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(near, far)
}
