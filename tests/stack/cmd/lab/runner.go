// This file ties pods to processes: come here for what starts, ends and restarts a real server
// when its pod is made, deleted or crashes.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
)

// runner is the kubelet of all nodes, for the pods that are the lab's own.
type runner struct {
	ctx     context.Context
	kube    kubernetes.Interface // as kubelet
	labeler kubernetes.Interface // as the vault's own service registration
	dyn     dynamic.Interface
	spawn   *spawner
	addrs   *addresses
	events  record.EventRecorder
	dir     string
	bao     string
	refresh time.Duration

	pods, secrets, configs *mirror

	mu       sync.Mutex
	workers  map[string]*worker
	tolerate map[string]int
	silenced map[string]bool // namespace/name of vaults whose unsealer is stopped
	ending   bool
}

var portForwards = schema.GroupVersionResource{Group: "kwok.x-k8s.io", Version: "v1alpha1", Resource: "portforwards"}

func (r *runner) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().UTC().Format("15:04:05.000 ")+format+"\n", args...)
}

func (r *runner) run() {
	r.workers, r.tolerate, r.silenced = map[string]*worker{}, map[string]int{}, map[string]bool{}
	core := r.kube.CoreV1()
	r.secrets = &mirror{
		list: func(c context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return core.Secrets("").List(c, o)
		},
		watch: func(c context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return core.Secrets("").Watch(c, o)
		}}
	r.configs = &mirror{
		list: func(c context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return core.ConfigMaps("").List(c, o)
		},
		watch: func(c context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return core.ConfigMaps("").Watch(c, o)
		}}
	r.pods = &mirror{
		list: func(c context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return core.Pods("").List(c, o)
		},
		watch: func(c context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return core.Pods("").Watch(c, o)
		},
		changed: r.podChanged}
	for _, m := range []*mirror{r.secrets, r.configs, r.pods} {
		go m.run(r.ctx)
	}
}

// ours says which pods the lab plays itself; kwok's stages leave out the same ones.
func ours(pod *corev1.Pod) bool {
	for _, c := range pod.Spec.Containers {
		if kindOf(c.Name) != other {
			return true
		}
	}
	return false
}

func (r *runner) podChanged(obj metav1.Object, gone bool) {
	pod := obj.(*corev1.Pod)
	if !ours(pod) || (pod.Spec.NodeName == "" && !gone) {
		return
	}
	k := key(pod.Namespace, pod.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending {
		return
	}
	w := r.workers[k]
	if w == nil {
		if gone {
			return
		}
		w = &worker{runner: r, wake: make(chan struct{}, 1), done: make(chan struct{})}
		r.workers[k] = w
		w.set(pod)
		go w.run()
		return
	}
	if gone {
		w.set(nil)
	} else {
		w.set(pod)
	}
}

// tolerated says whether a pod may start without this Secret. Only POST /vaults asks for it, while
// it makes a vault: the Secret with the keys cannot exist before the server that made them ran.
func (r *runner) tolerated(namespace, secret string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tolerate[key(namespace, secret)] > 0
}

func (r *runner) setTolerated(namespace, secret string, by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tolerate[key(namespace, secret)] += by
}

func (r *runner) isSilenced(namespace, vault string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.silenced[key(namespace, vault)]
}

func (r *runner) setSilenced(namespace, vault string, silenced bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silenced[key(namespace, vault)] = silenced
}

// instances is every pod that has one now.
func (r *runner) instances() []*instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*instance
	for _, w := range r.workers {
		if i := w.instance(); i != nil {
			all = append(all, i)
		}
	}
	return all
}

func (r *runner) find(namespace, pod string) *instance {
	r.mu.Lock()
	w := r.workers[key(namespace, pod)]
	r.mu.Unlock()
	if w == nil {
		return nil
	}
	return w.instance()
}

// stop ends all processes at once.
func (r *runner) stop() {
	r.mu.Lock()
	r.ending = true
	workers := r.workers
	r.mu.Unlock()
	for _, w := range workers {
		if i := w.instance(); i != nil {
			i.kill()
		}
		w.poke()
	}
	for _, w := range workers {
		<-w.done
	}
}

func (r *runner) isEnding() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ending
}

// forward tells kwok where the ports of a pod are. It is one object for each pod name, kept over
// the pod's deletion because the address is.
func (r *runner) forward(namespace, pod, address string) error {
	target := func(port int64) map[string]any {
		return map[string]any{"ports": []any{port}, "target": map[string]any{"address": address, "port": port}}
	}
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "PortForward",
		"metadata": map[string]any{"name": pod, "namespace": namespace},
		"spec":     map[string]any{"forwards": []any{target(8200), target(8201)}},
	}}
	_, err := r.dyn.Resource(portForwards).Namespace(namespace).Create(r.ctx, obj, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// worker sees to one pod name: one instance at a time, the old one gone before the new one starts.
type worker struct {
	runner *runner
	wake   chan struct{}
	done   chan struct{}

	mu     sync.Mutex
	latest *corev1.Pod
	inst   *instance
}

func (w *worker) set(pod *corev1.Pod) {
	w.mu.Lock()
	w.latest = pod
	w.mu.Unlock()
	w.poke()
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) instance() *instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inst
}

func (w *worker) setInstance(i *instance) {
	w.mu.Lock()
	w.inst = i
	w.mu.Unlock()
}

func (w *worker) run() {
	defer close(w.done)
	for {
		w.mu.Lock()
		pod, inst := w.latest, w.inst
		w.mu.Unlock()
		if w.runner.isEnding() {
			if inst != nil {
				inst.stop(0)
			}
			return
		}
		if inst != nil && (pod == nil || pod.UID != inst.uid) {
			// Deleted by force, or replaced: the process goes before anything else happens.
			inst.stop(0)
			w.setInstance(nil)
			continue
		}
		if pod == nil {
			if w.retire() {
				return
			}
			continue
		}
		switch {
		case pod.DeletionTimestamp != nil:
			if inst != nil {
				inst.stop(grace(pod))
				w.setInstance(nil)
			}
			w.release(pod)
		case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		case inst == nil:
			inst = newInstance(w, pod)
			w.setInstance(inst)
			fallthrough
		default:
			inst.step(pod)
		}
		select {
		case <-w.wake:
		case <-time.After(w.runner.refresh / 2):
		}
	}
}

// retire ends the worker, unless a new pod came in between.
func (w *worker) retire() bool {
	w.runner.mu.Lock()
	defer w.runner.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest != nil {
		return false
	}
	for k, other := range w.runner.workers {
		if other == w {
			delete(w.runner.workers, k)
		}
	}
	return true
}

// release lets the object go once its processes are gone, as a kubelet does.
func (w *worker) release(pod *corev1.Pod) {
	zero := int64(0)
	err := w.runner.kube.CoreV1().Pods(pod.Namespace).Delete(w.runner.ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && w.runner.ctx.Err() == nil {
		w.runner.logf("%s/%s: release: %v", pod.Namespace, pod.Name, err)
	}
}

func grace(pod *corev1.Pod) time.Duration {
	if g := pod.DeletionGracePeriodSeconds; g != nil && *g < 10 {
		return time.Duration(*g) * time.Second
	}
	return 10 * time.Second
}

// dataDir is where a claim's data lives: with the claim's uid, so it is new when the claim is.
func (r *runner) dataDir(uid types.UID) string {
	return filepath.Join(r.dir, "volumes", string(uid))
}
