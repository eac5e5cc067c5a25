// This file runs the control plane: come here for the flags of the real servers and the order they start in.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

//go:embed stages.yaml
var stages []byte

// plane is etcd, the API server and, unless only the API is wanted, what makes pods out of StatefulSets.
type plane struct {
	spawn       *spawner
	bin         string // the folder with control and kwok
	dir         string
	ca          *authority
	client      *http.Client
	kubeconfig  string
	url         string
	apiPort     int
	nodePort    int
	metricsPort int // 0 until a test asks for metrics-server
	etcdURL     string
	failed      chan error

	mu      sync.Mutex
	etcd    *proc
	api     *proc
	workers []*proc // scheduler, controller manager, kwok
	metrics *proc
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func newPlane(spawn *spawner, bin, dir string) (*plane, error) {
	p := &plane{spawn: spawn, bin: bin, dir: dir, failed: make(chan error, 8)}
	ca, admin, err := writePKI(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, err
	}
	p.ca = ca
	for _, port := range []*int{&p.apiPort, &p.nodePort} {
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	p.url = fmt.Sprintf("https://127.0.0.1:%d", p.apiPort)
	p.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(p.kubeconfig, adminKubeconfig(p.url, ca.pem, admin), 0o600); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(admin.cert, admin.key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	p.client = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}},
		DisableKeepAlives: true,
	}}
	return p, os.WriteFile(filepath.Join(dir, "kwok.yaml"), append(stages, figures...), 0o600)
}

func adminKubeconfig(url string, ca []byte, admin pair) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: lab
contexts:
- {name: lab, context: {cluster: lab, user: lab-admin, namespace: default}}
clusters:
- name: lab
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: lab-admin
  user:
    client-certificate-data: %s
    client-key-data: %s
`, url, b64(ca), b64(admin.cert), b64(admin.key))
}

func (p *plane) run(name, bin string, args ...string) (*proc, error) {
	env := []string{"HOME=" + p.dir, "PATH=/usr/bin:/bin", "TMPDIR=" + p.dir}
	child, err := p.spawn.start(name, filepath.Join(p.dir, "logs", name+".log"), env, filepath.Join(p.bin, bin), args...)
	if err != nil {
		return nil, err
	}
	go func() {
		<-child.done
		if !child.wanted.Load() {
			p.failed <- fmt.Errorf("%s ended by itself (exit code %d); the end of its log:\n%s", name, child.exitCode(), child.tail(15))
		}
	}()
	return child, nil
}

// startAPI starts etcd and the API server and waits until the API server says that it is ready.
func (p *plane) startAPI(ctx context.Context) error {
	client, err := freePort()
	if err != nil {
		return err
	}
	peer, err := freePort()
	if err != nil {
		return err
	}
	p.etcdURL = fmt.Sprintf("http://127.0.0.1:%d", client)
	p.etcd, err = p.run("etcd", "control", "etcd", "-data-dir", filepath.Join(p.dir, "etcd"),
		"-listen-client", p.etcdURL, "-listen-peer", fmt.Sprintf("http://127.0.0.1:%d", peer))
	if err != nil {
		return err
	}
	return p.startServer(ctx)
}

func (p *plane) startServer(ctx context.Context) error {
	pki := func(name string) string { return filepath.Join(p.dir, "pki", name) }
	api, err := p.run("kube-apiserver", "control", "kube-apiserver",
		"--etcd-servers="+p.etcdURL,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", p.apiPort),
		"--cert-dir="+filepath.Join(p.dir, "pki"),
		"--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"),
		"--client-ca-file="+pki("ca.crt"),
		"--service-account-key-file="+pki("sa.pub"), "--service-account-signing-key-file="+pki("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none", // its address would be a loopback one, which validation refuses
		"--authorization-mode=RBAC,Node", "--allow-privileged=true", "--profiling=false",
		// Other servers behind this one, such as metrics-server, know it by this certificate.
		"--requestheader-client-ca-file="+pki("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+pki("front-proxy.crt"), "--proxy-client-key-file="+pki("front-proxy.key"))
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.api = api
	p.mu.Unlock()
	return p.waitReady(ctx, api)
}

func (p *plane) waitReady(ctx context.Context, api *proc) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := p.client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server is not ready: %w; the end of its log:\n%s", context.Cause(ctx), api.tail(15))
		case <-api.done:
			return fmt.Errorf("the API server ended; the end of its log:\n%s", api.tail(15))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// startWorkers starts what acts on objects. It needs the CRD of kwok's port-forwards to exist.
func (p *plane) startWorkers() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pki := func(name string) string { return filepath.Join(p.dir, "pki", name) }
	kubeconfig := "--kubeconfig=" + p.kubeconfig
	for _, w := range []struct {
		name, bin string
		args      []string
	}{
		{"kube-controller-manager", "control", []string{"kube-controller-manager", kubeconfig,
			"--service-account-private-key-file=" + pki("sa.key"), "--root-ca-file=" + pki("ca.crt"),
			"--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400",
			// Endpoints of loopback addresses are refused by validation: without these two, no noise.
			"--controllers=*,-endpoints-controller,-endpointslice-controller",
			// An API server that was away must not make every node look dead.
			"--node-monitor-grace-period=20m"}},
		{"kube-scheduler", "control", []string{"kube-scheduler", kubeconfig, "--leader-elect=false", "--secure-port=0",
			"--kube-api-qps=200", "--kube-api-burst=400"}},
		{"kwok", "kwok", []string{kubeconfig, "--manage-all-nodes", "--node-ip", "127.0.0.1",
			"--node-port", fmt.Sprint(p.nodePort), "--server-address", fmt.Sprintf("127.0.0.1:%d", p.nodePort),
			"--cidr", "10.99.0.0/16", "--config", filepath.Join(p.dir, "kwok.yaml"), "--enable-crds", "PortForward",
			"--tls-cert-file", pki("kubelet.crt"), "--tls-private-key-file", pki("kubelet.key")}},
	} {
		child, err := p.run(w.name, w.bin, w.args...)
		if err != nil {
			return err
		}
		p.workers = append(p.workers, child)
	}
	return nil
}

// down kills the API server as a power cut would, and what depends on it: a machine of the control
// plane is gone. etcd, the vaults and their pods' processes go on.
func (p *plane) down() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.api == nil || !p.api.alive() {
		return errors.New("the API server is not running")
	}
	p.stopAll(append(p.workers, p.api, p.metrics))
	p.workers = nil
	return nil
}

// up starts it again on the same port with the same data.
func (p *plane) up(ctx context.Context) error {
	p.mu.Lock()
	running := p.api != nil && p.api.alive()
	p.mu.Unlock()
	if running {
		return errors.New("the API server is running")
	}
	if err := p.startServer(ctx); err != nil {
		return err
	}
	return p.startWorkers()
}

func (p *plane) stopAll(children []*proc) {
	var wg sync.WaitGroup
	for _, child := range children {
		if child != nil {
			wg.Add(1)
			go func() {
				defer wg.Done()
				child.stop(0)
			}()
		}
	}
	wg.Wait()
}

// stop ends everything. The data goes with the folder, so nobody needs to be asked gently.
func (p *plane) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopAll(append([]*proc{p.etcd, p.api, p.metrics}, p.workers...))
}

// children is every process of the plane, for GET /state.
func (p *plane) children() []*proc {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*proc
	for _, child := range append([]*proc{p.etcd, p.api, p.metrics}, p.workers...) {
		if child != nil && child.alive() {
			all = append(all, child)
		}
	}
	return all
}
