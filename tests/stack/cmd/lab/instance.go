// This file is one pod while it lives: come here for what its status says and when it is Ready.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

type containerKind int

const (
	other containerKind = iota
	server
	unsealer
)

func kindOf(name string) containerKind {
	switch name {
	case "openbao", "vault":
		return server
	case "unsealer":
		return unsealer
	}
	return other
}

// instance is one pod, from the moment it is bound to a node until its processes are gone.
type instance struct {
	worker    *worker
	runner    *runner
	uid       types.UID
	namespace string
	name      string
	address   string
	dir       string
	born      metav1.Time
	spec      corev1.PodSpec
	labels    map[string]string

	volumes    []volume
	mounted    bool
	waiting    string // what mounting waits for, as last said in an event
	forwarded  bool
	registered bool // the config asks for service registration
	refreshed  time.Time
	quit       chan struct{}
	loops      sync.WaitGroup

	mu         sync.Mutex // over the containers
	containers []*container
	health     *health // as last seen, nil when the last probe failed
}

// container is one container of the pod and how it is doing.
type container struct {
	spec     corev1.Container
	kind     containerKind
	proc     *proc
	ready    bool
	running  bool
	since    metav1.Time
	restarts int32
	last     *corev1.ContainerStateTerminated
	nextTry  time.Time
	paused   bool
}

func newInstance(w *worker, pod *corev1.Pod) *instance {
	i := &instance{
		worker: w, runner: w.runner, uid: pod.UID, namespace: pod.Namespace, name: pod.Name,
		address: w.runner.addrs.of(pod.Namespace, pod.Name), born: metav1.Now(),
		dir:  filepath.Join(w.runner.dir, "pods", string(pod.UID)),
		spec: pod.Spec, labels: pod.Labels, quit: make(chan struct{}),
	}
	for _, v := range pod.Spec.Volumes {
		i.volumes = append(i.volumes, volume{spec: v, dir: filepath.Join(i.dir, "volumes", v.Name)})
	}
	for _, c := range pod.Spec.Containers {
		i.containers = append(i.containers, &container{spec: c, kind: kindOf(c.Name)})
	}
	return i
}

func (i *instance) key() string { return key(i.namespace, i.name) }

// vault is the name of the release that the pod belongs to.
func (i *instance) vault() string { return i.labels["app.kubernetes.io/instance"] }

// step does what is due and reports it.
func (i *instance) step(pod *corev1.Pod) {
	if !i.forwarded && i.runner.forward(i.namespace, i.name, i.address) == nil {
		i.forwarded = true
	}
	if !i.mounted {
		i.tryMount(pod)
	} else if time.Since(i.refreshed) >= i.runner.refresh {
		i.refresh()
		i.refreshed = time.Now()
	}
	if i.mounted {
		for _, c := range i.containers {
			i.drive(pod, c)
		}
	}
	i.report(pod)
}

func (i *instance) tryMount(pod *corev1.Pod) {
	err := i.claim()
	if err == nil {
		err = i.mount()
	}
	if err == nil {
		i.mounted, i.refreshed = true, time.Now()
		return
	}
	if said := err.Error(); said != i.waiting && err != errNotReady {
		i.waiting = said
		i.runner.events.Event(pod, corev1.EventTypeWarning, "FailedMount", said)
	}
}

// claim finds the folders behind the pod's claims.
func (i *instance) claim() error {
	for n := range i.volumes {
		v := &i.volumes[n]
		if v.spec.PersistentVolumeClaim == nil {
			continue
		}
		pvc, err := i.runner.kube.CoreV1().PersistentVolumeClaims(i.namespace).
			Get(i.runner.ctx, v.spec.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		v.dir = i.runner.dataDir(pvc.UID)
	}
	return nil
}

// drive starts a container that should run and notices one that ended.
func (i *instance) drive(pod *corev1.Pod, c *container) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case c.proc != nil && !c.proc.alive():
		i.ended(pod, c, int32(c.proc.exitCode()), c.proc.started)
		c.proc = nil
	case c.kind == unsealer && c.running && i.runner.isSilenced(i.namespace, i.vault()):
		i.ended(pod, c, 137, c.since.Time)
		c.nextTry = time.Now()
	}
	if c.running || time.Now().Before(c.nextTry) {
		return
	}
	switch c.kind {
	case server:
		if err := i.startServer(c); err != nil {
			i.runner.logf("%s: %v", i.key(), err)
			c.nextTry = time.Now().Add(2 * time.Second)
			return
		}
	case unsealer:
		if i.runner.isSilenced(i.namespace, i.vault()) {
			return
		}
		i.startUnsealer(c)
		c.ready = true
	default:
		c.ready = true
	}
	c.running, c.since = true, metav1.Now()
	i.runner.events.Eventf(pod, corev1.EventTypeNormal, "Started", "Container started: %s", c.spec.Name)
}

// ended keeps the account of a container that is no more; it comes back after a pause that grows
// only when it lived for a few seconds.
func (i *instance) ended(pod *corev1.Pod, c *container, code int32, started time.Time) {
	c.running, c.ready, c.paused = false, false, false
	c.restarts++
	c.last = &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: "Error", StartedAt: metav1.NewTime(started), FinishedAt: metav1.Now()}
	if code == 0 {
		c.last.Reason = "Completed"
	}
	pause := 500 * time.Millisecond
	if time.Since(started) < 3*time.Second {
		pause = min(time.Duration(c.restarts)*time.Second, 10*time.Second)
	}
	c.nextTry = time.Now().Add(pause)
	if c.kind == server {
		i.health = nil
	}
	i.runner.events.Eventf(pod, corev1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s in pod %s", c.spec.Name, i.name)
}

// stop ends the pod's processes and loops; its claims' folders stay.
func (i *instance) stop(grace time.Duration) {
	close(i.quit)
	i.mu.Lock()
	var procs []*proc
	for _, c := range i.containers {
		if c.proc != nil {
			procs = append(procs, c.proc)
		}
	}
	i.mu.Unlock()
	for _, p := range procs {
		p.stop(grace)
	}
	i.loops.Wait()
	_ = os.RemoveAll(i.dir)
}

// kill ends the processes without waiting, also those that are being stopped gently.
func (i *instance) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range i.containers {
		if c.proc != nil {
			c.proc.signal(syscall.SIGKILL)
		}
	}
}

// server is the container that holds the vault, if the pod has one.
func (i *instance) server() *container {
	for _, c := range i.containers {
		if c.kind == server {
			return c
		}
	}
	return nil
}

// report writes the pod's status where it differs from what the API server has.
func (i *instance) report(pod *corev1.Pod) {
	status := i.status(pod)
	if sameStatus(pod.Status, status) {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": i.uid}, "status": status})
	if err != nil {
		i.runner.logf("%s: status: %v", i.key(), err)
		return
	}
	// A failure is seen at the next step: the status still differs then.
	_, _ = i.runner.kube.CoreV1().Pods(i.namespace).Patch(i.runner.ctx, i.name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
}

func sameStatus(a, b corev1.PodStatus) bool {
	return a.Phase == b.Phase && a.PodIP == b.PodIP &&
		equalJSON(a.Conditions, b.Conditions) && equalJSON(a.ContainerStatuses, b.ContainerStatuses)
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (i *instance) status(pod *corev1.Pod) corev1.PodStatus {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := corev1.PodStatus{Phase: corev1.PodPending, HostIP: "127.0.0.1", StartTime: &i.born, QOSClass: pod.Status.QOSClass,
		HostIPs: []corev1.HostIP{{IP: "127.0.0.1"}}, ObservedGeneration: pod.Generation}
	if pod.Status.StartTime != nil {
		s.StartTime = pod.Status.StartTime
	}
	if i.mounted {
		s.Phase = corev1.PodRunning
		s.PodIP, s.PodIPs = i.address, []corev1.PodIP{{IP: i.address}}
	}
	var unready []string
	for _, c := range i.containers {
		s.ContainerStatuses = append(s.ContainerStatuses, i.containerStatus(c))
		if !c.ready {
			unready = append(unready, c.spec.Name)
		}
	}
	i.conditions(pod, &s, unready)
	return s
}

func (i *instance) containerStatus(c *container) corev1.ContainerStatus {
	running := c.running
	cs := corev1.ContainerStatus{Name: c.spec.Name, Image: c.spec.Image, ImageID: c.spec.Image,
		Ready: c.ready, Started: &running, RestartCount: c.restarts}
	if c.last != nil {
		cs.LastTerminationState.Terminated = c.last
	}
	switch {
	case c.running:
		cs.State.Running = &corev1.ContainerStateRunning{StartedAt: c.since}
		cs.ContainerID = fmt.Sprintf("lab://%s/%s/%d", i.uid, c.spec.Name, c.restarts)
	case c.last != nil:
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off restarting failed container " + c.spec.Name}
	default:
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	}
	return cs
}

// conditions keeps the times of those that did not change and what others wrote.
func (i *instance) conditions(pod *corev1.Pod, s *corev1.PodStatus, unready []string) {
	set := func(kind corev1.PodConditionType, yes bool, reason, message string) {
		c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message,
			LastTransitionTime: metav1.Now(), ObservedGeneration: pod.Generation}
		if yes {
			c.Status, c.Reason, c.Message = corev1.ConditionTrue, "", ""
		}
		at := slices.IndexFunc(s.Conditions, func(o corev1.PodCondition) bool { return o.Type == kind })
		if at < 0 {
			s.Conditions = append(s.Conditions, c)
			return
		}
		if s.Conditions[at].Status == c.Status {
			c.LastTransitionTime = s.Conditions[at].LastTransitionTime
		}
		s.Conditions[at] = c
	}
	s.Conditions = slices.Clone(pod.Status.Conditions)
	message := "containers with unready status: [" + strings.Join(unready, " ") + "]"
	set(corev1.PodReadyToStartContainers, i.mounted, "", "")
	set(corev1.PodInitialized, true, "", "")
	set(corev1.PodReady, len(unready) == 0, "ContainersNotReady", message)
	set(corev1.ContainersReady, len(unready) == 0, "ContainersNotReady", message)
}
