// A client of CapSolver: captcha WAY [FAULT]. It keeps the rules of the documents, and waits in the way that is named;
// a fault breaks one rule.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type document = map[string]interface{}

var (
	base   = strings.TrimRight(os.Getenv("POLLPROOF_BASE_URL"), "/")
	key    = os.Getenv("POLLPROOF_API_KEY")
	way    = os.Args[1]
	fault  = strings.Join(os.Args[2:], "")
	client = &http.Client{Timeout: 30 * time.Second}
	polls  = 0
)

func fail(format string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func nanoseconds(length time.Duration) syscall.Timespec { return syscall.NsecToTimespec(int64(length)) }

func wait(length time.Duration) {
	switch way {
	case "sleep":
		time.Sleep(length)
	case "after":
		<-time.After(length)
	case "timer":
		timer := time.NewTimer(time.Hour)
		timer.Reset(length)
		<-timer.C
	case "ticker":
		ticker := time.NewTicker(length / 3)
		for count := 0; count < 3; count++ {
			<-ticker.C
		}
		ticker.Stop()
		time.Sleep(length % 3)
	case "context":
		limited, cancel := context.WithTimeout(context.Background(), length)
		<-limited.Done()
		cancel()
	case "condition":
		var lock sync.Mutex
		over := false
		condition := sync.NewCond(&lock)
		time.AfterFunc(length, func() {
			lock.Lock()
			over = true
			lock.Unlock()
			condition.Broadcast()
		})
		lock.Lock()
		for !over {
			condition.Wait()
		}
		lock.Unlock()
	case "nanosleep":
		left := nanoseconds(length)
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	case "select":
		end := time.Now().Add(length)
		for left := length; left > 0; left = time.Until(end) {
			value := syscall.NsecToTimeval(int64(left) + 999)
			syscall.Select(0, nil, nil, nil, &value)
		}
	case "ppoll":
		end := time.Now().Add(length)
		for left := length; left > 0; left = time.Until(end) {
			value := nanoseconds(left)
			syscall.Syscall6(syscall.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&value)), 0, 0, 0)
		}
	case "epoll":
		epoll, _ := syscall.EpollCreate1(0)
		events := make([]syscall.EpollEvent, 1)
		end := time.Now().Add(length)
		for left := length; left > 0; left = time.Until(end) {
			syscall.EpollWait(epoll, events, int(left/time.Millisecond)+1)
		}
		syscall.Close(epoll)
	case "deadline":
		reader, writer, _ := os.Pipe()
		reader.SetReadDeadline(time.Now().Add(length))
		reader.Read(make([]byte, 1))
		reader.Close()
		writer.Close()
	case "child":
		exec.Command("sleep", fmt.Sprintf("%.3f", length.Seconds())).Run()
	case "threads":
		var group sync.WaitGroup
		for part := 1; part <= 4; part++ {
			group.Add(1)
			go func(part time.Duration) {
				time.Sleep(length * part / 4)
				group.Done()
			}(time.Duration(part))
		}
		group.Wait()
	default:
		fail("unknown way %s", way)
	}
}

func call(method string, body document) document {
	text, _ := json.Marshal(body)
	response, err := client.Post(base+"/"+method, "application/json", bytes.NewReader(text))
	if err != nil {
		fail("%v", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	answer := document{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err != nil || decoder.Decode(&answer) != nil {
		fail("HTTP %d without a readable answer: %v", response.StatusCode, err)
	}
	return answer
}

func refused(answer document) bool {
	return fmt.Sprint(answer["errorId"]) != "0" || answer["status"] == "failed"
}

func poll(id interface{}) document {
	polls++
	body := document{"clientKey": key, "taskId": id}
	if fault == "another-id" {
		body["taskId"] = fmt.Sprint(id) + "0"
	}
	if fault == "keyless-poll" {
		delete(body, "clientKey")
	}
	return call("getTaskResult", body)
}

func finish(answer document) {
	solution, there := answer["solution"]
	if !there {
		fail("no solution")
	}
	text, _ := json.Marshal(solution)
	if fault == "wrong-solution" {
		text = text[:len(text)/2]
	}
	if fault == "no-solution" {
		text = []byte("done")
	}
	fmt.Println(string(text))
	os.Exit(0)
}

func giveUp(reason string) {
	if fault == "giving-up-as-success" {
		os.Exit(0)
	}
	fail("%s", reason)
}

func pause() time.Duration {
	switch {
	case fault == "half-wait":
		return 1500 * time.Millisecond
	case fault == "milliseconds":
		return 3 * time.Millisecond
	case fault == "every-second-too-short" && polls%2 == 1:
		return 2900 * time.Millisecond
	case fault == "over-budget":
		return 2050 * time.Millisecond
	}
	return 3010 * time.Millisecond
}

func main() {
	task := document{}
	json.Unmarshal([]byte(os.Getenv("POLLPROOF_TASK")), &task)
	if fault == "untyped-task" {
		delete(task, "type")
	}
	begun := time.Now()
	created := call("createTask", document{"clientKey": key, "task": task})
	if refused(created) {
		giveUp("refused")
	}
	if created["status"] == "ready" {
		finish(created)
	}
	id := created["taskId"]
	for polls < 118 || fault == "over-budget" && polls <= 120 {
		if time.Since(begun) > 285*time.Second && fault != "over-lifetime" {
			break
		}
		wait(pause())
		if fault == "over-lifetime" && time.Since(begun) > 290*time.Second {
			wait(30 * time.Second)
			poll(id)
			break
		}
		answer := poll(id)
		if refused(answer) {
			if fault == "failure-as-success" {
				fmt.Println("done")
				os.Exit(0)
			}
			if fault == "polls-on-after-error" && polls < 20 {
				continue
			}
			giveUp("failed")
		}
		if answer["status"] == "ready" {
			if fault == "polls-after-final" {
				wait(pause())
				poll(id)
			}
			finish(answer)
		}
	}
	giveUp("never ready")
}
