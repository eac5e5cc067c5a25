// This file gives every pod a loopback address of its own: come here for why two labs on one machine do not meet.
package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// addresses hands out 127.R.x.y, one for each namespace and pod name, for as long as the lab lives.
// R is the lab's own: it holds a listener on 127.R.255.254 as its claim on it.
type addresses struct {
	claim net.Listener
	net   byte

	mu    sync.Mutex
	taken map[string]string
}

func newAddresses() (*addresses, error) {
	for range 50 {
		n := byte(16 + rand.IntN(230))
		claim, err := net.Listen("tcp", fmt.Sprintf("127.%d.255.254:8200", n))
		if err == nil {
			return &addresses{claim: claim, net: n, taken: map[string]string{}}, nil
		}
	}
	return nil, errors.New("no free 127.x network found")
}

func (a *addresses) of(namespace, pod string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := key(namespace, pod)
	if ip, ok := a.taken[k]; ok {
		return ip
	}
	n := len(a.taken) + 1
	ip := fmt.Sprintf("127.%d.%d.%d", a.net, n/250, n%250+1)
	a.taken[k] = ip
	return ip
}
