// This file is the control API on the unix socket: come here for its paths, bodies and answers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// processState is one process of the control plane in GET /state.
type processState struct {
	Name string `json:"name"`
	Pid  int    `json:"pid"`
}

// podState is one pod of the lab's own in GET /state.
type podState struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Vault     string `json:"vault"`
	UID       string `json:"uid"`
	Address   string `json:"address"`
	Pid       *int   `json:"pid"`
	Ready     bool   `json:"ready"`
	Paused    bool   `json:"paused"`
	Sealed    *bool  `json:"sealed"`
	Standby   *bool  `json:"standby"`
	Restarts  int32  `json:"restarts"`
	Volumes   string `json:"volumes"`
}

func (l *lab) control(ctx context.Context) error {
	socks, err := net.Listen("unix", l.socket())
	if err != nil {
		return err
	}
	l.socks = socks
	if err := os.Chmod(l.socket(), 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := h(r)
			answer(w, out, err)
		})
	}
	handle("POST /vaults", func(r *http.Request) (any, error) {
		var v vaultSpec
		if err := body(r, &v); err != nil {
			return nil, err
		}
		return l.maker.make(r.Context(), &v)
	})
	handle("DELETE /vaults/{ns}/{name}", func(r *http.Request) (any, error) {
		return map[string]any{}, l.maker.remove(r.Context(), r.PathValue("ns"), r.PathValue("name"))
	})
	handle("POST /vaults/{ns}/{name}/crash", l.onServer(func(c *container) { c.proc.signal(syscall.SIGKILL) }))
	handle("POST /vaults/{ns}/{name}/pause", l.onServer(func(c *container) {
		c.proc.signal(syscall.SIGSTOP)
		c.paused = true
	}))
	handle("POST /vaults/{ns}/{name}/resume", l.onServer(func(c *container) {
		c.proc.signal(syscall.SIGCONT)
		c.paused = false
	}))
	handle("POST /unsealer", l.setUnsealer)
	handle("POST /apiserver/stop", func(*http.Request) (any, error) { return map[string]any{}, conflict(l.plane.down()) })
	handle("POST /apiserver/start", func(r *http.Request) (any, error) { return map[string]any{}, conflict(l.plane.up(r.Context())) })
	handle("POST /metrics/start", func(r *http.Request) (any, error) { return map[string]any{}, l.startMetrics(r.Context()) })
	handle("POST /metrics/stop", func(*http.Request) (any, error) {
		l.plane.stopMetrics()
		return map[string]any{}, nil
	})
	handle("POST /metrics/remove", func(r *http.Request) (any, error) { return map[string]any{}, l.removeMetrics(r.Context()) })
	handle("GET /state", func(*http.Request) (any, error) { return l.state(), nil })
	handle("POST /shutdown", func(*http.Request) (any, error) {
		time.AfterFunc(50*time.Millisecond, l.stop)
		return map[string]any{}, nil
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, notFound{fmt.Errorf("no %s %s here", r.Method, r.URL.Path)})
	})
	server := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = server.Serve(socks) }()
	return nil
}

type notFound struct{ error }
type conflicting struct{ error }

func conflict(err error) error {
	if err == nil {
		return nil
	}
	return conflicting{err}
}

func body(r *http.Request, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return nil
	}
	// A field that is not known is a test with a slip in it.
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return refused{err}
	}
	return nil
}

func answer(w http.ResponseWriter, out any, err error) {
	code := http.StatusOK
	if err != nil {
		out = map[string]string{"error": err.Error()}
		code = http.StatusInternalServerError
		switch {
		case errors.As(err, new(refused)):
			code = http.StatusBadRequest
		case errors.As(err, new(notFound)):
			code = http.StatusNotFound
		case errors.As(err, new(conflicting)), apierrors.IsAlreadyExists(err):
			code = http.StatusConflict
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(out)
}

// onServer does something to the process of the pod that the body names (default: the first).
func (l *lab) onServer(do func(*container)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		in := struct {
			Pod string `json:"pod"`
		}{Pod: r.PathValue("name") + "-0"}
		if err := body(r, &in); err != nil {
			return nil, err
		}
		i := l.runner.find(r.PathValue("ns"), in.Pod)
		if i == nil || i.server() == nil {
			return nil, notFound{fmt.Errorf("no vault pod %s/%s", r.PathValue("ns"), in.Pod)}
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		c := i.server()
		if c.proc == nil || !c.proc.alive() {
			return nil, conflicting{fmt.Errorf("%s/%s has no process now", r.PathValue("ns"), in.Pod)}
		}
		do(c)
		return map[string]any{"pod": in.Pod, "pid": c.proc.pid()}, nil
	}
}

// setUnsealer stops or starts what unseals a vault: the sidecars' loops, or the Deployment by its scale.
func (l *lab) setUnsealer(r *http.Request) (any, error) {
	var in struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Running   *bool  `json:"running"`
	}
	if err := body(r, &in); err != nil {
		return nil, err
	}
	if in.Namespace == "" || in.Name == "" || in.Running == nil {
		return nil, refused{errors.New(`"namespace", "name" and "running" are wanted`)}
	}
	deployments := l.admin.AppsV1().Deployments(in.Namespace)
	scale, err := deployments.GetScale(r.Context(), in.Name+"-unsealer", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		l.runner.setSilenced(in.Namespace, in.Name, !*in.Running)
		return map[string]any{"kind": "sidecar", "running": *in.Running}, nil
	}
	if err != nil {
		return nil, err
	}
	scale.Spec.Replicas = 0
	if *in.Running {
		scale.Spec.Replicas = 1
	}
	if _, err := deployments.UpdateScale(r.Context(), in.Name+"-unsealer", scale, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	return map[string]any{"kind": "deployment", "running": *in.Running}, nil
}

func (l *lab) state() any {
	processes := []processState{}
	for _, p := range l.plane.children() {
		processes = append(processes, processState{Name: p.name, Pid: p.pid()})
	}
	pods := []podState{}
	for _, i := range l.runner.instances() {
		s := podState{Namespace: i.namespace, Pod: i.name, Vault: i.vault(), UID: string(i.uid), Address: i.address,
			Volumes: i.dir + "/volumes", Ready: true}
		i.mu.Lock()
		for _, c := range i.containers {
			s.Ready = s.Ready && c.ready
			if c.kind != server {
				continue
			}
			s.Address, s.Paused, s.Restarts = i.url(), c.paused, c.restarts
			if c.proc != nil && c.proc.alive() {
				pid := c.proc.pid()
				s.Pid = &pid
			}
			if i.health != nil {
				sealed, standby := i.health.Sealed, i.health.Standby
				s.Sealed, s.Standby = &sealed, &standby
			}
		}
		i.mu.Unlock()
		pods = append(pods, s)
	}
	return map[string]any{"pid": os.Getpid(), "dir": l.dir, "processes": processes, "pods": pods}
}
