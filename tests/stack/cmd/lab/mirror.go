// This file keeps a local copy of one kind of object: come here for how the lab follows the API
// server, and why it is back within half a second of it.
package main

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// mirror is a list and a watch with a fixed short pause between tries. client-go's informers back
// off to half a minute, which is too long for a test that takes the API server away.
type mirror struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
	// changed is called with each object; gone says that it was deleted.
	changed func(obj metav1.Object, gone bool)

	mu      sync.Mutex
	objects map[string]metav1.Object
	synced  bool
}

func key(namespace, name string) string { return namespace + "/" + name }

func (m *mirror) get(namespace, name string) metav1.Object {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[key(namespace, name)]
}

func (m *mirror) ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced
}

func (m *mirror) set(obj metav1.Object, gone bool) {
	k := key(obj.GetNamespace(), obj.GetName())
	m.mu.Lock()
	if gone {
		delete(m.objects, k)
	} else {
		m.objects[k] = obj
	}
	m.mu.Unlock()
	if m.changed != nil {
		m.changed(obj, gone)
	}
}

func (m *mirror) run(ctx context.Context) {
	m.objects = map[string]metav1.Object{}
	for ctx.Err() == nil {
		if rv, err := m.relist(ctx); err == nil {
			m.follow(ctx, rv)
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (m *mirror) relist(ctx context.Context) (string, error) {
	list, err := m.list(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return "", err
	}
	seen := map[string]bool{}
	for _, item := range items {
		obj := item.(metav1.Object)
		seen[key(obj.GetNamespace(), obj.GetName())] = true
		m.set(obj, false)
	}
	m.mu.Lock()
	var lost []metav1.Object
	for k, obj := range m.objects {
		if !seen[k] {
			lost = append(lost, obj)
		}
	}
	m.synced = true
	m.mu.Unlock()
	for _, obj := range lost {
		m.set(obj, true)
	}
	l, err := meta.ListAccessor(list)
	if err != nil {
		return "", err
	}
	return l.GetResourceVersion(), nil
}

func (m *mirror) follow(ctx context.Context, rv string) {
	w, err := m.watch(ctx, metav1.ListOptions{ResourceVersion: rv, AllowWatchBookmarks: true})
	if err != nil {
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			m.set(event.Object.(metav1.Object), false)
		case watch.Deleted:
			m.set(event.Object.(metav1.Object), true)
		case watch.Error:
			return
		}
	}
}
