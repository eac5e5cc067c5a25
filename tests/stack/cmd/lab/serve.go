// This file is lab serve: come here for what is started in which order, and how all of it ends.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"
)

//go:embed portforward-crd.yaml
var portForwardCRD []byte

type options struct {
	dir        string
	bao        string
	withParent bool
	refresh    time.Duration
	nodes      int
}

// ready is the one line on stdout.
type ready struct {
	Kubeconfig string `json:"kubeconfig"`
	Dir        string `json:"dir"`
	Control    string `json:"control"`
	Kubectl    string `json:"kubectl"`
	Bao        string `json:"bao"`
	Pid        int    `json:"pid"`
}

func serve(args []string) error {
	var o options
	flags := flag.NewFlagSet("lab serve", flag.ExitOnError)
	flags.StringVar(&o.dir, "dir", "", "the lab's folder, made and removed by it (default: a new one under TMPDIR)")
	flags.StringVar(&o.bao, "bao", "", "the server's binary (default: bao beside lab)")
	flags.BoolVar(&o.withParent, "with-parent", false, "end when stdin is closed")
	flags.DurationVar(&o.refresh, "refresh", time.Second, "how often mounted Secrets are refreshed; a kubelet takes one to two minutes")
	flags.IntVar(&o.nodes, "nodes", 5, "how many nodes the cluster has")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.withParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	bin, err := binaries()
	if err != nil {
		return err
	}
	if o.bao == "" {
		o.bao = filepath.Join(bin, "bao")
	}
	for _, need := range []string{o.bao, filepath.Join(bin, "control"), filepath.Join(bin, "kwok")} {
		if _, err := os.Stat(need); err != nil {
			return fmt.Errorf("%w (tests/stack/install makes it)", err)
		}
	}
	work, err := newWorkdir(o.dir)
	if err != nil {
		return err
	}
	defer work.remove()
	l := &lab{options: o, dir: work.path, bin: bin, spawn: newSpawner(), stop: stop, begun: time.Now()}
	defer l.end()
	if err := l.start(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("ended before it was ready")
		}
		return err
	}
	line, err := json.Marshal(ready{Kubeconfig: l.plane.kubeconfig, Dir: l.dir, Control: l.socket(),
		Kubectl: filepath.Join(bin, "kubectl"), Bao: o.bao, Pid: os.Getpid()})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.plane.failed:
		return err
	}
}

// lab is everything that one lab serve holds.
type lab struct {
	options
	dir    string
	bin    string
	begun  time.Time
	spawn  *spawner
	stop   func()
	plane  *plane
	addrs  *addresses
	runner *runner
	maker  *maker
	admin  kubernetes.Interface
	events record.EventBroadcaster
	socks  net.Listener
	cancel context.CancelFunc
}

func (l *lab) socket() string { return filepath.Join(l.dir, "control.sock") }

func (l *lab) start(ctx context.Context) error {
	var err error
	if l.addrs, err = newAddresses(); err != nil {
		return err
	}
	if l.plane, err = newPlane(l.spawn, l.bin, l.dir); err != nil {
		return err
	}
	if err := l.plane.startAPI(ctx); err != nil {
		return err
	}
	if err := l.clients(); err != nil {
		return err
	}
	if err := l.furnish(ctx); err != nil {
		return err
	}
	if err := l.plane.startWorkers(); err != nil {
		return err
	}
	l.runner.run()
	err = wait(ctx, 90*time.Second, func() error {
		select {
		case err := <-l.plane.failed:
			return err
		default:
		}
		if !l.runner.pods.ready() || !l.runner.secrets.ready() || !l.runner.configs.ready() {
			return errors.New("the runner has not seen the cluster yet")
		}
		return l.nodesReady(ctx)
	})
	if err != nil {
		return err
	}
	return l.control(ctx)
}

// clients makes one client for each role: the API server writes the first word of the user agent
// into managedFields, and that is evidence there.
func (l *lab) clients() error {
	config, err := clientcmd.BuildConfigFromFlags("", l.plane.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	as := func(agent string) (*rest.Config, kubernetes.Interface, error) {
		c := rest.CopyConfig(config)
		c.UserAgent = agent
		k, err := kubernetes.NewForConfig(c)
		return c, k, err
	}
	r := &runner{spawn: l.spawn, addrs: l.addrs, dir: l.dir, bao: l.bao, refresh: l.refresh}
	m := &maker{runner: r}
	if _, l.admin, err = as("lab"); err != nil {
		return err
	}
	kubelet, kube, err := as("kubelet/v1.36.3")
	if err != nil {
		return err
	}
	r.kube = kube
	if r.dyn, err = dynamic.NewForConfig(kubelet); err != nil {
		return err
	}
	if _, r.labeler, err = as("Go-http-client/1.1"); err != nil {
		return err
	}
	if _, m.kube, err = as("helm/v3"); err != nil {
		return err
	}
	if _, m.seeder, err = as("seeder/1"); err != nil {
		return err
	}
	r.ctx, l.cancel = context.WithCancel(context.Background())
	l.events = record.NewBroadcaster()
	l.events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: kube.CoreV1().Events("")})
	r.events = l.events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet"})
	l.runner, l.maker = r, m
	return nil
}

// furnish makes what a cluster has before anybody installs a vault.
func (l *lab) furnish(ctx context.Context) error {
	var crd map[string]any
	if err := yaml.Unmarshal(portForwardCRD, &crd); err != nil {
		return err
	}
	crds := l.runner.dyn.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := crds.Create(ctx, &unstructured.Unstructured{Object: crd}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := wait(ctx, 30*time.Second, func() error {
		_, err := l.runner.dyn.Resource(portForwards).List(ctx, metav1.ListOptions{})
		return err
	}); err != nil {
		return err
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "lab", Annotations: map[string]string{
		"storageclass.kubernetes.io/is-default-class": "true"}}, Provisioner: "baowatch.test/lab"}
	if _, err := l.admin.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		return err
	}
	for n := range l.nodes {
		name := fmt.Sprintf("lab-%d", n+1)
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: metricsPath(name), Labels: map[string]string{
			"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}}}
		if _, err := l.admin.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) nodesReady(ctx context.Context) error {
	nodes, err := l.admin.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		isReady := false
		for _, c := range n.Status.Conditions {
			isReady = isReady || c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}
		if !isReady || len(n.Spec.Taints) > 0 {
			return fmt.Errorf("node %s is not ready", n.Name)
		}
	}
	return nil
}

// end stops everything, in whatever state the start left it.
func (l *lab) end() {
	if l.socks != nil {
		_ = l.socks.Close()
	}
	if l.runner != nil && l.runner.workers != nil {
		l.runner.stop()
	}
	if l.cancel != nil {
		l.cancel()
	}
	if l.events != nil {
		l.events.Shutdown()
	}
	if l.plane != nil {
		l.plane.stop()
	}
	if l.addrs != nil {
		_ = l.addrs.claim.Close()
	}
}
