// This file runs metrics-server: come here for how the memory that a test sets by annotation becomes
// what metrics.k8s.io answers.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// figures is what kwok serves as a kubelet's metrics: appended to its stages.
//
//go:embed usage.yaml
var figures []byte

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

const metricsAPI = "v1beta1.metrics.k8s.io"

// metricsPath is where kwok serves the metrics of one node; metrics-server finds it in an annotation.
func metricsPath(node string) map[string]string {
	return map[string]string{"metrics.k8s.io/resource-metrics-path": "/metrics/nodes/" + node + "/metrics/resource"}
}

// startMetrics starts metrics-server, registers it where it is not, and answers when it has figures.
func (l *lab) startMetrics(ctx context.Context) error {
	if err := l.plane.runMetrics(); err != nil {
		return err
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "metrics-server", Namespace: "kube-system"},
		// A name and not endpoints: those may not be loopback addresses.
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Port: int32(l.plane.metricsPort)}}}}
	_, err := l.admin.CoreV1().Services("kube-system").Create(ctx, service, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	api := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": metricsAPI},
		"spec": map[string]any{"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": int64(100),
			"versionPriority": int64(100), "insecureSkipTLSVerify": true,
			"service": map[string]any{"name": "metrics-server", "namespace": "kube-system", "port": int64(l.plane.metricsPort)}}}}
	_, err = l.runner.dyn.Resource(apiServices).Create(ctx, api, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	// It takes two scrapes.
	return wait(ctx, 90*time.Second, func() error {
		resp, err := l.plane.client.Get(l.plane.url + "/apis/metrics.k8s.io/v1beta1/nodes")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("metrics.k8s.io answers %s", resp.Status)
		}
		return nil
	})
}

// removeMetrics takes the API away: it answers 404 then, as on a cluster where nobody installed it.
func (l *lab) removeMetrics(ctx context.Context) error {
	err := l.runner.dyn.Resource(apiServices).Delete(ctx, metricsAPI, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	gone := l.admin.CoreV1().Services("kube-system").Delete(ctx, "metrics-server", metav1.DeleteOptions{})
	if apierrors.IsNotFound(gone) {
		gone = nil
	}
	l.plane.stopMetrics()
	return errors.Join(err, gone)
}

func (p *plane) runMetrics() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.metrics != nil && p.metrics.alive() {
		return conflicting{errors.New("metrics-server is running")}
	}
	if p.metricsPort == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		p.metricsPort = port
	}
	kubeconfig := "=" + p.kubeconfig
	var err error
	p.metrics, err = p.run("metrics-server", "metrics-server",
		"--kubeconfig"+kubeconfig, "--authentication-kubeconfig"+kubeconfig, "--authorization-kubeconfig"+kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", p.metricsPort),
		"--cert-dir="+filepath.Join(p.dir, "metrics-server"),
		"--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP", fmt.Sprintf("--kubelet-port=%d", p.nodePort),
		// 10 s is the least that it takes, and the timeout must be less than that.
		"--metric-resolution=10s", "--kubelet-request-timeout=5s")
	return err
}

// stopMetrics ends it and leaves the API registered: it answers 503 then.
func (p *plane) stopMetrics() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopAll([]*proc{p.metrics})
}
