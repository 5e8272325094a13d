// As waits.py, in Go.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var client = &http.Client{Timeout: 60 * time.Second}

func fail(values ...interface{}) {
	fmt.Fprintln(os.Stderr, values...)
	os.Exit(3)
}

func wait(way string, length time.Duration) {
	switch way {
	case "sleep":
		time.Sleep(length)
	case "timer":
		<-time.NewTimer(length).C
	case "context":
		limited, cancel := context.WithTimeout(context.Background(), length)
		<-limited.Done()
		cancel()
	case "nanosleep":
		left := syscall.NsecToTimespec(int64(length))
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	case "deadline":
		reader, writer, _ := os.Pipe()
		reader.SetReadDeadline(time.Now().Add(length))
		reader.Read(make([]byte, 1))
		reader.Close()
		writer.Close()
	case "child":
		exec.Command("sleep", fmt.Sprintf("%.3f", length.Seconds())).Run()
	default:
		fail("unknown way", way)
	}
}

func cut(words []string, opens func(string) bool, closes string, ends string) ([]string, []string) {
	depth := 0
	for at, word := range words {
		if depth == 0 && strings.Contains(ends, word) {
			return words[:at], words[at:]
		}
		if opens(word) {
			depth++
		} else if word == closes {
			depth--
		}
	}
	fail("no end")
	return nil, nil
}

func run(words []string) {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word == "{":
			var group sync.WaitGroup
			for again := true; again; {
				var part []string
				part, words = cut(words, func(one string) bool { return one == "{" }, "}", "|}")
				group.Add(1)
				go func() {
					run(part)
					group.Done()
				}()
				again = words[0] == "|"
				words = words[1:]
			}
			group.Wait()
		case word[0] == '<':
			var part []string
			part, words = cut(words, func(one string) bool { return one[0] == '<' }, ">", ">")
			words = words[1:]
			command := append(strings.Split(os.Getenv("WAITS_"+word[1:]), " "), part...)
			child := exec.Command(command[0], command[1:]...)
			child.Stdout, child.Stderr = os.Stdout, os.Stderr
			if err := child.Run(); err != nil {
				fail(command, err)
			}
		case strings.HasPrefix(word, "get:"):
			response, err := client.Get(os.Getenv("WAITS_URL") + word[4:])
			if err != nil {
				fail(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		default:
			colon := strings.IndexByte(word, ':')
			seconds, _ := strconv.ParseFloat(word[colon+1:], 64)
			length := time.Duration(seconds * 1e9)
			begun := time.Now()
			wait(word[:colon], length)
			if took := time.Since(begun); took < length-2*time.Millisecond {
				fail(word, "took", took)
			}
		}
	}
}

func main() { run(os.Args[1:]) }
