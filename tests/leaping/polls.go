// Polls so often, so many seconds apart: polls URL COUNT SECONDS
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	url := os.Args[1]
	n, _ := strconv.Atoi(os.Args[2])
	s, _ := strconv.ParseFloat(os.Args[3], 64)
	c := &http.Client{Timeout: 10 * time.Second}
	var first, last time.Time
	for i := 0; i < n; i++ {
		if i > 0 {
			time.Sleep(time.Duration(s * 1e9))
		}
		last = time.Now()
		if i == 0 {
			first = last
		}
		r, err := c.Get(url)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	if os.Getenv("POLLS_SPAN") != "" { // seconds by its own clock from the first poll to the last
		fmt.Println(last.Sub(first).Seconds())
	}
}
