// An app that can be asked in many ways: for so many bytes, with a body, for a late answer, for events, and over a websocket that repeats
// what it hears. Every answer says which release gave it.
package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// leaving is closed when the pod has to go; sockets are the websockets that are open.
var (
	leaving = make(chan struct{})
	sockets sync.WaitGroup
)

func main() {
	// A server that closes idle connections early, as many do: whoever keeps one for longer meets a closed one.
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: http.HandlerFunc(serve), IdleTimeout: time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		<-signals
		deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		close(leaving)
		if err := server.Shutdown(deadline); err != nil {
			log.Print(err)
		}
		sockets.Wait()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-ended
}

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Release", os.Getenv("WORKFLOW_RELEASE"))
	if r.Header.Get("Upgrade") == "websocket" {
		repeat(w, r)
		return
	}
	got, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	number := func(name string) int {
		value, _ := strconv.Atoi(r.URL.Query().Get(name))
		return value
	}
	time.Sleep(time.Duration(number("seconds")) * time.Second)
	w.Header().Set("Received", strconv.FormatInt(got, 10))
	if events := number("events"); events > 0 {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; i < events; i++ {
			io.WriteString(w, "data: event\n\n")
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
		return
	}
	io.WriteString(w, strings.Repeat("x", number("bytes")))
}

// repeat speaks RFC 6455 as far as short unfragmented messages need it.
func repeat(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sockets.Add(1)
	defer sockets.Done()
	defer conn.Close()
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(digest[:]))
	buffered.Flush()
	frames := make(chan []byte)
	go func() {
		defer close(frames)
		for {
			heard, err := frame(buffered.Reader)
			if err != nil {
				return
			}
			frames <- heard
		}
	}()
	farewell := leaving
	for {
		select {
		case heard, open := <-frames:
			if !open {
				return
			}
			conn.Write(heard)
			if heard[0]&0x0f == 8 {
				return
			}
		case <-farewell:
			// A close frame with code 1000; the other side answers it.
			conn.Write([]byte{0x88, 2, 0x03, 0xe8})
			farewell = nil
		}
	}
}

// frame reads a frame, and gives it back as a server sends it.
func frame(r *bufio.Reader) ([]byte, error) {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	return append([]byte{head[0], byte(len(payload))}, payload...), nil
}
