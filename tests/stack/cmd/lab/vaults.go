// This file makes a whole vault on request: come here for the order of objects, init, Secret and
// unseal, and for what POST /vaults answers.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// vaultMade is the answer to POST /vaults. Keys are shares of a Shamir seal, recovery keys of a static one.
type vaultMade struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Seal       string            `json:"seal"`
	Secret     *string           `json:"secret"`
	Keys       []string          `json:"keys"`
	KeysBase64 []string          `json:"keysBase64"`
	RootToken  string            `json:"rootToken"`
	Addresses  map[string]string `json:"addresses"`
	CAPem      *string           `json:"caPem"`
	Millis     int64             `json:"millis"`
}

type maker struct {
	kube   kubernetes.Interface // as helm
	seeder kubernetes.Interface // as seeder, who writes the Secrets
	runner *runner
}

// refused is a request that cannot be carried out as it is.
type refused struct{ error }

var nameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$`)

func (v *vaultSpec) complete() error {
	def := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	def(&v.Chart, "openbao")
	def(&v.Name, v.Chart)
	def(&v.Seal, "shamir")
	def(&v.Version, version)
	yes := true
	if v.Init == nil {
		v.Init = &yes
	}
	if v.Unseal == nil {
		v.Unseal = &yes
	}
	if v.Replicas == 0 {
		v.Replicas = 1
	}
	if v.Shares == 0 {
		v.Shares = 1
	}
	if v.Threshold == 0 {
		v.Threshold = v.Shares
	}
	if v.Unsealer == "" {
		v.Unsealer = "none"
	}
	if v.SecretShape == "" {
		v.SecretShape = "key"
		if v.Shares > 1 {
			v.SecretShape = "keys-json"
		}
	}
	if v.Secret == nil && v.Seal == "static" {
		name := v.Name + "-seal-key"
		v.Secret = &name
	}
	oneOf := func(what, value string, values ...string) error {
		for _, o := range values {
			if o == value {
				return nil
			}
		}
		return refused{fmt.Errorf("%s %q is none of %v", what, value, values)}
	}
	if !nameForm.MatchString(v.Namespace) || !nameForm.MatchString(v.Name) {
		return refused{errors.New("namespace and name are wanted, in lower case letters, digits and hyphens")}
	}
	if v.Unsealer != "none" && (v.Secret == nil || v.Seal == "static") {
		return refused{errors.New("an unsealer wants a Secret with shares, and a static seal has none")}
	}
	return errors.Join(
		oneOf("chart", v.Chart, "openbao", "vault"), oneOf("seal", v.Seal, "shamir", "static"),
		oneOf("unsealer", v.Unsealer, "sidecar", "deployment", "none"),
		oneOf("secretShape", v.SecretShape, "key", "keys-json", "per-share"))
}

func (m *maker) make(ctx context.Context, v *vaultSpec) (*vaultMade, error) {
	begin := time.Now()
	if err := v.complete(); err != nil {
		return nil, err
	}
	made := &vaultMade{Namespace: v.Namespace, Name: v.Name, Seal: v.Seal, Secret: v.Secret,
		Keys: []string{}, KeysBase64: []string{}, Addresses: map[string]string{}}
	for n := range v.Replicas {
		pod := fmt.Sprintf("%s-%d", v.Name, n)
		made.Addresses[pod] = v.scheme() + "://" + m.runner.addrs.of(v.Namespace, pod) + ":8200"
	}
	if v.Secret != nil && v.Seal == "shamir" {
		m.runner.setTolerated(v.Namespace, *v.Secret, 1)
		defer m.runner.setTolerated(v.Namespace, *v.Secret, -1)
	}
	if err := m.objects(ctx, v, made); err != nil {
		return nil, err
	}
	last := v.Replicas - 1
	if v.Ordered {
		last = 0
	}
	for n := range last + 1 {
		if err := m.waitServer(ctx, v, made.Addresses[fmt.Sprintf("%s-%d", v.Name, n)]); err != nil {
			return nil, err
		}
	}
	if *v.Init {
		if err := m.initialise(ctx, v, made); err != nil {
			return nil, err
		}
		if *v.Unseal {
			if err := m.unseal(ctx, v, made); err != nil {
				return nil, err
			}
		}
	}
	made.Millis = time.Since(begin).Milliseconds()
	return made, nil
}

func (m *maker) objects(ctx context.Context, v *vaultSpec, made *vaultMade) error {
	core, apps := m.kube.CoreV1(), m.kube.AppsV1()
	opts := metav1.CreateOptions{}
	_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v.Namespace}}, opts)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	// The service account first: with it, pods need not wait for the namespace's default one.
	if _, err := core.ServiceAccounts(v.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: v.meta(v.Name)}, opts); err != nil {
		return err
	}
	if _, err := core.ConfigMaps(v.Namespace).Create(ctx, v.config(), opts); err != nil {
		return err
	}
	for _, s := range v.services() {
		if _, err := core.Services(v.Namespace).Create(ctx, s, opts); err != nil {
			return err
		}
	}
	if v.TLS {
		if err := m.certificates(ctx, v, made); err != nil {
			return err
		}
	}
	if v.Seal == "static" {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return err
		}
		if err := m.seed(ctx, v, *v.Secret, map[string][]byte{"key": key}); err != nil {
			return err
		}
	}
	if _, err := apps.StatefulSets(v.Namespace).Create(ctx, v.statefulSet(), opts); err != nil {
		return err
	}
	if v.Unsealer == "deployment" {
		if _, err := apps.Deployments(v.Namespace).Create(ctx, v.deployment(), opts); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) seed(ctx context.Context, v *vaultSpec, name string, data map[string][]byte) error {
	_, err := m.seeder.CoreV1().Secrets(v.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: v.Namespace}, Type: corev1.SecretTypeOpaque, Data: data},
		metav1.CreateOptions{FieldManager: "seeder"})
	return err
}

// certificates makes an authority for this vault alone, so that a test can trust the wrong one.
func (m *maker) certificates(ctx context.Context, v *vaultSpec, made *vaultMade) error {
	ca, err := newAuthority(v.Name + "-ca")
	if err != nil {
		return err
	}
	ips := []string{"127.0.0.1"}
	for n := range v.Replicas {
		ips = append(ips, m.runner.addrs.of(v.Namespace, fmt.Sprintf("%s-%d", v.Name, n)))
	}
	internal := v.Name + "-internal"
	dns := []string{"localhost", v.Name, v.Name + "." + v.Namespace, v.Name + "." + v.Namespace + ".svc",
		v.Name + "." + v.Namespace + ".svc.cluster.local", "*." + internal, "*." + internal + "." + v.Namespace + ".svc",
		"*." + internal + "." + v.Namespace + ".svc.cluster.local"}
	leaf, err := ca.issue(v.Name, nil, dns, ips...)
	if err != nil {
		return err
	}
	pem := string(ca.pem)
	made.CAPem = &pem
	return m.seed(ctx, v, v.tlsSecret(), map[string][]byte{"tls.crt": leaf.cert, "tls.key": leaf.key, "ca.crt": ca.pem})
}

// wait tries until it holds, or says what was missing last.
func wait(ctx context.Context, limit time.Duration, check func() error) error {
	end := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %s: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(150 * time.Millisecond):
		}
	}
}

func (m *maker) waitServer(ctx context.Context, v *vaultSpec, address string) error {
	return wait(ctx, 60*time.Second, func() error {
		var s sealStatus
		if err := ask(http.MethodGet, address+"/v1/sys/seal-status", nil, &s); err != nil {
			return fmt.Errorf("%s/%s does not answer: %w", v.Namespace, v.Name, err)
		}
		return nil
	})
}

func (m *maker) initialise(ctx context.Context, v *vaultSpec, made *vaultMade) error {
	in := map[string]any{"secret_shares": v.Shares, "secret_threshold": v.Threshold}
	if v.Seal == "static" {
		in = map[string]any{"recovery_shares": v.Shares, "recovery_threshold": v.Threshold}
	}
	var out struct {
		Keys      []string `json:"keys"`
		Base64    []string `json:"keys_base64"`
		Recovery  []string `json:"recovery_keys"`
		Recovery6 []string `json:"recovery_keys_base64"`
		RootToken string   `json:"root_token"`
	}
	if err := askWith(calls, "", http.MethodPut, made.Addresses[v.Name+"-0"]+"/v1/sys/init", in, &out); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	made.Keys, made.KeysBase64, made.RootToken = out.Keys, out.Base64, out.RootToken
	if v.Seal == "static" {
		made.Keys, made.KeysBase64 = out.Recovery, out.Recovery6
		return nil
	}
	if v.Secret == nil {
		return nil
	}
	list, err := json.Marshal(made.KeysBase64)
	if err != nil {
		return err
	}
	return m.seed(ctx, v, *v.Secret, v.secretData(made.KeysBase64, list, made.RootToken))
}

// unseal opens all replicas as each comes up and returns when one is active, the others stand by
// and the API server says that all are Ready.
func (m *maker) unseal(ctx context.Context, v *vaultSpec, made *vaultMade) error {
	return wait(ctx, 90*time.Second, func() error {
		active := 0
		var problem error
		for n := range v.Replicas {
			pod := fmt.Sprintf("%s-%d", v.Name, n)
			standby, err := openOne(ctx, v, made.Addresses[pod], made.KeysBase64)
			if err != nil && problem == nil {
				problem = fmt.Errorf("%s: %w", pod, err)
			}
			if err == nil && !standby {
				active++
			}
		}
		if problem != nil {
			return problem
		}
		if active != 1 {
			return fmt.Errorf("%d active replicas", active)
		}
		set, err := m.kube.AppsV1().StatefulSets(v.Namespace).Get(ctx, v.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if set.Status.ReadyReplicas != v.Replicas {
			return fmt.Errorf("%d of %d replicas are Ready", set.Status.ReadyReplicas, v.Replicas)
		}
		return nil
	})
}

// openOne opens one replica and says whether it stands by.
func openOne(ctx context.Context, v *vaultSpec, base string, keys []string) (bool, error) {
	var s sealStatus
	if err := ask(http.MethodGet, base+"/v1/sys/seal-status", nil, &s); err != nil {
		return false, err
	}
	if s.Sealed && s.Initialized && v.Seal == "shamir" {
		for _, share := range keys[:v.Threshold] {
			if err := askWith(calls, "", http.MethodPut, base+"/v1/sys/unseal", map[string]any{"key": share}, &s); err != nil {
				return false, err
			}
		}
	}
	if s.Sealed {
		return false, errors.New("sealed")
	}
	h, err := look(ctx, base)
	if err != nil {
		return false, err
	}
	return h.Standby, nil
}

// remove takes a vault away: its pods and their processes, its claims and what else was made for it.
func (m *maker) remove(ctx context.Context, namespace, name string) error {
	apps, core := m.kube.AppsV1(), m.kube.CoreV1()
	set, err := apps.StatefulSets(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return notFound{fmt.Errorf("no vault %s/%s", namespace, name)}
	}
	if err != nil {
		return err
	}
	templates := []corev1.PodTemplateSpec{set.Spec.Template}
	if beside, err := apps.Deployments(namespace).Get(ctx, name+"-unsealer", metav1.GetOptions{}); err == nil {
		templates = append(templates, beside.Spec.Template)
	}
	secrets := []string{}
	for _, t := range templates {
		for _, v := range t.Spec.Volumes {
			if v.Secret != nil {
				secrets = append(secrets, v.Secret.SecretName)
			}
		}
	}
	background := metav1.DeletePropagationBackground
	opts := metav1.DeleteOptions{PropagationPolicy: &background}
	mine := metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + name}
	services, err := core.Services(namespace).List(ctx, mine)
	if err != nil {
		return err
	}
	claims, err := core.PersistentVolumeClaims(namespace).List(ctx, mine)
	if err != nil {
		return err
	}
	errs := []error{
		apps.StatefulSets(namespace).Delete(ctx, name, opts),
		apps.Deployments(namespace).DeleteCollection(ctx, opts, mine),
		core.ConfigMaps(namespace).DeleteCollection(ctx, opts, mine),
		core.ServiceAccounts(namespace).DeleteCollection(ctx, opts, mine),
		core.PersistentVolumeClaims(namespace).DeleteCollection(ctx, opts, mine),
	}
	for _, s := range services.Items {
		errs = append(errs, core.Services(namespace).Delete(ctx, s.Name, opts))
	}
	for _, s := range secrets {
		if err := core.Secrets(namespace).Delete(ctx, s, opts); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	err = wait(ctx, 30*time.Second, func() error {
		for _, i := range m.runner.instances() {
			if i.namespace == namespace && i.vault() == name {
				return fmt.Errorf("pod %s is still there", i.name)
			}
		}
		return nil
	})
	for _, c := range claims.Items {
		err = errors.Join(err, os.RemoveAll(m.runner.dataDir(c.UID)))
		if gone := core.PersistentVolumes().Delete(ctx, c.Spec.VolumeName, opts); !apierrors.IsNotFound(gone) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
