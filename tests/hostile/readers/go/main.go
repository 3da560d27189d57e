// Go's web server as Dendrite uses it: writes a line of JSON for each request that it reads, as it reads it.
//
// Usage: reader LOG. Prints its port.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

type read struct {
	Method string   `json:"method"`
	Target string   `json:"target"`
	Path   []string `json:"path"`
	Names  []string `json:"names"`
	Body   string   `json:"body"`
}

// Each byte as a letter, so that JSON carries any.
func latin1(text string) string {
	letters := make([]rune, 0, len(text))
	for i := 0; i < len(text); i++ {
		letters = append(letters, rune(text[i]))
	}
	return string(letters)
}

func path(u *url.URL) []string {
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = plain
		}
		segments[i] = latin1(segment)
	}
	return segments
}

func main() {
	file, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	var lock sync.Mutex
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // not the whole of a request
		}
		names := []string{}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		_ = r.ParseForm()
		for name := range r.Form {
			names = append(names, latin1(name))
		}
		line, _ := json.Marshal(read{r.Method, latin1(r.RequestURI), path(r.URL), names, hex.EncodeToString(body)})
		lock.Lock()
		fmt.Fprintln(file, string(line))
		lock.Unlock()
		w.Header().Set("X-Read", "yes")
		fmt.Fprint(w, "read")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	log.Fatal(server.Serve(listener))
}
