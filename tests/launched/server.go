package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// A server whose entries live for a day by a timer: POST /add gives an id, /has?id=ID says whether it is there.
func main() {
	var mu sync.Mutex
	made := map[string]time.Time{}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) })
	http.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := fmt.Sprint(len(made))
		made[id] = time.Now()
		time.AfterFunc(24*time.Hour, func() { mu.Lock(); delete(made, id); mu.Unlock() })
		json.NewEncoder(w).Encode(map[string]string{"id": id})
	})
	http.HandleFunc("/has", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, ok := made[r.URL.Query().Get("id")]
		json.NewEncoder(w).Encode(ok)
	})
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
