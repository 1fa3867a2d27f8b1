package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHello(t *testing.T) {
	for poweredBy, want := range map[string]string{"": "Powered by Deis\n", "Kubernetes": "Powered by Kubernetes\n"} {
		answer := httptest.NewRecorder()
		logged(hello(poweredBy)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := answer.Body.String(); got != want {
			t.Errorf("with %q: got %q, want %q", poweredBy, got, want)
		}
	}
}

func TestClient(t *testing.T) {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.RemoteAddr = "10.2.62.0:4711"
	if got := client(request); got != "10.2.62.0" {
		t.Errorf("without a router: got %q", got)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.1, 10.2.62.0")
	if got := client(request); got != "192.0.2.1" {
		t.Errorf("behind a router: got %q", got)
	}
}
