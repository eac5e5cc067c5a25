// This file runs the vault server of a pod: come here for how the chart's configuration becomes
// one that works on loopback, and for the readiness probe.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// health is what a probe saw.
type health struct {
	Initialized bool   `json:"initialized"`
	Sealed      bool   `json:"sealed"`
	Standby     bool   `json:"standby"`
	Version     string `json:"version"`
}

var (
	peerHost     = regexp.MustCompile(`\b([a-z0-9][a-z0-9-]*-\d+)\.[a-z0-9-]+-internal(\.[a-z0-9-]+)*`)
	anyAddress   = regexp.MustCompile(`(\[::\]|0\.0\.0\.0):(82\d\d)`)
	registration = regexp.MustCompile(`service_registration\s+"kubernetes"\s*\{[^}]*\}`)
)

// rewrite turns what is written for a pod into what is true for a process: folders of mounts,
// names of peers, the pod's own address.
func (i *instance) rewrite(text string, mounts []corev1.VolumeMount) string {
	mounts = slices.Clone(mounts)
	slices.SortFunc(mounts, func(a, b corev1.VolumeMount) int { return len(b.MountPath) - len(a.MountPath) })
	for _, m := range mounts {
		if dir := i.volumeDir(m.Name); dir != "" {
			text = strings.ReplaceAll(text, m.MountPath, filepath.Join(dir, m.SubPath))
		}
	}
	text = peerHost.ReplaceAllStringFunc(text, func(host string) string {
		return i.runner.addrs.of(i.namespace, peerHost.FindStringSubmatch(host)[1])
	})
	return anyAddress.ReplaceAllString(text, i.address+":$2")
}

func (i *instance) volumeDir(name string) string {
	for _, v := range i.volumes {
		if v.spec.Name == name {
			return v.dir
		}
	}
	return ""
}

// environment is the container's, with the downward API's fields and $(VAR) put in.
func (i *instance) environment(c *container) []string {
	env := []string{"HOME=" + i.dir, "TMPDIR=" + i.dir, "PATH=/usr/bin:/bin"}
	known := map[string]string{"HOSTNAME": i.name}
	for _, e := range c.spec.Env {
		value := e.Value
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			switch e.ValueFrom.FieldRef.FieldPath {
			case "metadata.name":
				value = i.name
			case "metadata.namespace":
				value = i.namespace
			case "status.podIP":
				value = i.address
			case "status.hostIP":
				value = "127.0.0.1"
			}
		}
		for k, v := range known {
			value = strings.ReplaceAll(value, "$("+k+")", v)
		}
		known[e.Name] = value
		// The lab decides where it listens; the rest is as written.
		if e.Name == "HOME" || e.Name == "SKIP_CHOWN" || e.Name == "SKIP_SETCAP" {
			continue
		}
		env = append(env, e.Name+"="+i.rewrite(value, c.spec.VolumeMounts))
	}
	return env
}

// binary is the server that an image holds: bao itself, or the one beside it that is named for the image's version.
func (r *runner) binary(image string) (string, error) {
	tag := image[strings.LastIndex(image, ":")+1:]
	if tag == version {
		return r.bao, nil
	}
	other := r.bao + "-" + tag
	if _, err := os.Stat(other); err != nil {
		return "", fmt.Errorf("no server of version %s is installed: %w", tag, err)
	}
	return other, nil
}

// startServer starts the process; i.mu is held.
func (i *instance) startServer(c *container) error {
	configDir := filepath.Join(i.dir, "config")
	if err := os.MkdirAll(configDir, 0o700); err != nil {
		return err
	}
	i.registered = false
	for _, m := range c.spec.VolumeMounts {
		if m.MountPath != "/openbao/config" && m.MountPath != "/vault/config" {
			continue
		}
		entries, err := os.ReadDir(i.volumeDir(m.Name))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(i.volumeDir(m.Name), entry.Name()))
			if err != nil {
				return err
			}
			// The lab writes the labels itself: there is no service account's folder to read.
			if registration.Match(text) {
				i.registered = true
				text = registration.ReplaceAll(text, nil)
			}
			rendered := i.rewrite(string(text), c.spec.VolumeMounts)
			if err := os.WriteFile(filepath.Join(configDir, entry.Name()), []byte(rendered), 0o600); err != nil {
				return err
			}
		}
	}
	logFile := filepath.Join(i.runner.dir, "logs", i.namespace+"_"+i.name+".log")
	binary, err := i.runner.binary(c.spec.Image)
	if err != nil {
		return err
	}
	p, err := i.runner.spawn.start(i.key(), logFile, i.environment(c), binary, "server", "-config="+configDir)
	if err != nil {
		return err
	}
	c.proc = p
	i.loops.Add(2)
	go func() {
		defer i.loops.Done()
		select {
		case <-p.done:
		case <-i.quit:
		}
		i.worker.poke()
	}()
	go func() {
		defer i.loops.Done()
		i.probe(c, p)
	}()
	return nil
}

// scheme follows the address that the chart gives to the pod's own tools.
func (i *instance) scheme() string {
	if c := i.server(); c != nil {
		for _, e := range c.spec.Env {
			if (e.Name == "BAO_ADDR" || e.Name == "VAULT_ADDR") && strings.HasPrefix(e.Value, "https:") {
				return "https"
			}
		}
	}
	return "http"
}

func (i *instance) url() string { return i.scheme() + "://" + i.address + ":8200" }

// probes verify no certificate, as the chart's readiness probe does not (-tls-skip-verify).
var probes = &http.Client{Timeout: 2 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 2},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}

// calls is the same with time for what changes something.
var calls = &http.Client{Timeout: 20 * time.Second, Transport: probes.Transport}

func look(ctx context.Context, base string) (*health, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/sys/health?standbyok=true&sealedcode=200&uninitcode=200", nil)
	if err != nil {
		return nil, err
	}
	resp, err := probes.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var h health
	if err := json.Unmarshal(body, &h); err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	return &h, nil
}

// probe is the chart's readiness probe, faster: sealed or silent is not ready.
func (i *instance) probe(c *container, p *proc) {
	missed := 0
	pause := 100 * time.Millisecond
	for p.alive() {
		h, err := look(i.runner.ctx, i.url())
		if err != nil {
			missed++
		} else {
			missed, pause = 0, 500*time.Millisecond
		}
		i.mu.Lock()
		if c.proc == p && c.running && (err == nil || missed >= 2) {
			ready := err == nil && h.Initialized && !h.Sealed
			changed := ready != c.ready
			c.ready, i.health = ready, h
			if changed {
				i.worker.poke()
			}
		}
		i.mu.Unlock()
		if err == nil {
			i.register(h)
		}
		select {
		case <-i.quit:
			return
		case <-p.done:
			return
		case <-time.After(pause):
		}
	}
}

// register writes the labels that the server's own service registration would write. As with the
// real one they stay as they are when the process dies.
func (i *instance) register(h *health) {
	if !i.registered {
		return
	}
	pod, ok := i.runner.pods.get(i.namespace, i.name).(*corev1.Pod)
	if !ok || pod.UID != i.uid {
		return
	}
	product := i.server().spec.Name
	want := map[string]string{
		product + "-active":       fmt.Sprint(h.Initialized && !h.Sealed && !h.Standby),
		product + "-sealed":       fmt.Sprint(h.Sealed),
		product + "-initialized":  fmt.Sprint(h.Initialized),
		product + "-perf-standby": "false",
		product + "-version":      h.Version,
	}
	same := true
	for k, v := range want {
		same = same && pod.Labels[k] == v
	}
	if same {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": i.uid, "labels": want}})
	if err != nil {
		return
	}
	// A failure is seen at the next probe: the labels still differ then.
	_, _ = i.runner.labeler.CoreV1().Pods(i.namespace).Patch(i.runner.ctx, i.name, types.MergePatchType, patch, metav1.PatchOptions{})
}
