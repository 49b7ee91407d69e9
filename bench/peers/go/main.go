// The nats.go peer: publish + flush, receive by callback, sequential requests.
// usage: nats_go publish|receive|request port n size
// Prints one line of JSON in the form of bench/raw/measure.hpp. Goroutines move between threads, so
// voluntary switches are those of the whole process.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	warmUp   = 200
	deadline = 120 * time.Second
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type window struct {
	start time.Time
	usage syscall.Rusage
}

func open() window {
	w := window{}
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &w.usage))
	w.start = time.Now()
	return w
}

func (w window) finish(n int, latencies []time.Duration) {
	seconds := time.Since(w.start).Seconds()
	var end syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &end))
	cpu := end.Utime.Nano() + end.Stime.Nano() - w.usage.Utime.Nano() - w.usage.Stime.Nano()
	fmt.Printf(`{"n":%d,"seconds":%.6f,"cpu_ns":%d,"nvcsw":%d`,
		n, seconds, cpu, end.Nvcsw-w.usage.Nvcsw)
	if len(latencies) > 0 {
		slices.Sort(latencies)
		at := func(percent int) float64 {
			return float64(latencies[(len(latencies)-1)*percent/100].Nanoseconds()) / 1e3
		}
		fmt.Printf(`,"p50_us":%.2f,"p99_us":%.2f`, at(50), at(99))
	}
	fmt.Println("}")
}

func publish(nc *nats.Conn, n, size int) {
	payload := bytes.Repeat([]byte("x"), size)
	must(nc.FlushTimeout(deadline))
	w := open()
	for range n {
		must(nc.Publish("bench", payload))
	}
	must(nc.FlushTimeout(deadline))
	w.finish(n, nil)
}

func receive(nc *nats.Conn, n, size int) {
	done := make(chan struct{})
	seen := 0
	w := open()
	sub, err := nc.Subscribe("bench", func(msg *nats.Msg) {
		if len(msg.Data) != size {
			must(fmt.Errorf("a message of %d bytes", len(msg.Data)))
		}
		seen++
		if seen == n {
			close(done)
		}
	})
	must(err)
	must(sub.SetPendingLimits(-1, -1))
	select {
	case <-done:
		w.finish(n, nil)
	case <-time.After(deadline):
		must(fmt.Errorf("not all %d messages came", n))
	}
}

func request(nc *nats.Conn, n int) {
	roundTrip := func() time.Duration {
		start := time.Now()
		_, err := nc.Request("svc", []byte("x"), time.Second)
		must(err)
		return time.Since(start)
	}
	for range warmUp {
		roundTrip()
	}
	latencies := make([]time.Duration, n)
	w := open()
	for i := range latencies {
		latencies[i] = roundTrip()
	}
	w.finish(n, latencies)
}

func main() {
	if len(os.Args) != 5 {
		must(fmt.Errorf("usage: nats_go publish|receive|request port n size"))
	}
	n, err := strconv.Atoi(os.Args[3])
	must(err)
	size, err := strconv.Atoi(os.Args[4])
	must(err)
	nc, err := nats.Connect("nats://127.0.0.1:" + os.Args[2])
	must(err)
	defer nc.Close()
	switch os.Args[1] {
	case "publish":
		publish(nc, n, size)
	case "receive":
		receive(nc, n, size)
	case "request":
		request(nc, n)
	default:
		must(fmt.Errorf("no such task: %s", os.Args[1]))
	}
}
