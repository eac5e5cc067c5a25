// This file makes the objects of a vault as its Helm chart makes them: come here for labels, names
// and the StatefulSet that Baowatch discovers.
package main

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// vaultSpec is the body of POST /vaults.
type vaultSpec struct {
	Namespace   string    `json:"namespace"`
	Name        string    `json:"name"`
	Replicas    int32     `json:"replicas"`
	Seal        string    `json:"seal"`
	Shares      int       `json:"shares"`
	Threshold   int       `json:"threshold"`
	Unsealer    string    `json:"unsealer"`
	Secret      *string   `json:"secret"`
	SecretShape string    `json:"secretShape"`
	Mount       mountSpec `json:"mount"`
	Init        *bool     `json:"init"`
	Unseal      *bool     `json:"unseal"`
	TLS         bool      `json:"tls"`
	Ordered     bool      `json:"orderedReady"`
	Version     string    `json:"version"`
	Chart       string    `json:"chart"`
}

type mountSpec struct {
	Optional bool `json:"optional"`
	Items    bool `json:"items"`
}

const repository = "quay.io/openbao/openbao"

// version is the one whose binary is called bao; others lie beside it as bao-VERSION.
const version = "2.7.2"

func (v *vaultSpec) image() string {
	return repository + ":" + v.Version
}

func (v *vaultSpec) selector() map[string]string {
	return map[string]string{"app.kubernetes.io/name": v.Chart, "app.kubernetes.io/instance": v.Name, "component": "server"}
}

func (v *vaultSpec) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: v.Namespace, Labels: map[string]string{
		"app.kubernetes.io/name": v.Chart, "app.kubernetes.io/instance": v.Name,
		"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": v.chart()}}
}

func (v *vaultSpec) chart() string {
	if v.Chart == "vault" {
		return "vault-0.34.1"
	}
	return "openbao-0.29.2"
}

func (v *vaultSpec) scheme() string {
	if v.TLS {
		return "https"
	}
	return "http"
}

// prefix is how the product names its environment.
func (v *vaultSpec) prefix() string {
	if v.Chart == "vault" {
		return "VAULT_"
	}
	return "BAO_"
}

func (v *vaultSpec) tlsSecret() string  { return v.Name + "-server-tls" }
func (v *vaultSpec) home() string       { return "/" + v.Chart }
func (v *vaultSpec) tlsFolder() string  { return v.home() + "/userconfig/" + v.tlsSecret() }
func (v *vaultSpec) sealFolder() string { return v.home() + "/userconfig/" + *v.Secret }

// hcl is the configuration of the chart's HA raft mode, with a retry_join for each replica.
func (v *vaultSpec) hcl() string {
	var b strings.Builder
	b.WriteString("ui = true\n\nlistener \"tcp\" {\n  address = \"[::]:8200\"\n  cluster_address = \"[::]:8201\"\n")
	if v.TLS {
		fmt.Fprintf(&b, "  tls_cert_file = \"%s/tls.crt\"\n  tls_key_file = \"%s/tls.key\"\n  tls_client_ca_file = \"%s/ca.crt\"\n",
			v.tlsFolder(), v.tlsFolder(), v.tlsFolder())
	} else {
		b.WriteString("  tls_disable = 1\n")
	}
	fmt.Fprintf(&b, "}\n\nstorage \"raft\" {\n  path = \"%s/data\"\n  performance_multiplier = 1\n", v.home())
	for n := range v.Replicas {
		fmt.Fprintf(&b, "  retry_join {\n    leader_api_addr = \"%s://%s-%d.%s-internal:8200\"\n", v.scheme(), v.Name, n, v.Name)
		if v.TLS {
			fmt.Fprintf(&b, "    leader_ca_cert_file = \"%s/ca.crt\"\n    leader_tls_servername = \"%s\"\n", v.tlsFolder(), v.Name)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n\n")
	if v.Seal == "static" {
		fmt.Fprintf(&b, "seal \"static\" {\n  current_key_id = \"lab-1\"\n  current_key = \"file://%s/key\"\n}\n\n", v.sealFolder())
	}
	b.WriteString("service_registration \"kubernetes\" {}\n")
	return b.String()
}

func (v *vaultSpec) config() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: v.meta(v.Name + "-config"),
		Data: map[string]string{"extraconfig-from-values.hcl": v.hcl()}}
}

func (v *vaultSpec) services() []*corev1.Service {
	ports := []corev1.ServicePort{
		{Name: v.scheme(), Port: 8200, TargetPort: intstr.FromInt32(8200)},
		{Name: "https-internal", Port: 8201, TargetPort: intstr.FromInt32(8201)}}
	service := func(name, clusterIP string, extra map[string]string) *corev1.Service {
		s := &corev1.Service{ObjectMeta: v.meta(name), Spec: corev1.ServiceSpec{
			ClusterIP: clusterIP, PublishNotReadyAddresses: true, Ports: ports, Selector: v.selector()}}
		for k, val := range extra {
			s.Spec.Selector[k] = val
		}
		return s
	}
	return []*corev1.Service{
		service(v.Name+"-internal", corev1.ClusterIPNone, nil),
		service(v.Name, "", nil),
		service(v.Name+"-active", "", map[string]string{v.Chart + "-active": "true"}),
		service(v.Name+"-standby", "", map[string]string{v.Chart + "-active": "false"}),
	}
}

func secretVolume(name, secret string, optional bool, items []corev1.KeyToPath) corev1.Volume {
	source := &corev1.SecretVolumeSource{SecretName: secret, Items: items}
	if optional {
		source.Optional = &optional
	}
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: source}}
}

// keysVolume is the unsealer's mount in the shape that was asked for.
func (v *vaultSpec) keysVolume() corev1.Volume {
	var items []corev1.KeyToPath
	if v.Mount.Items {
		switch v.SecretShape {
		case "keys-json":
			items = []corev1.KeyToPath{{Key: "keys", Path: "keys"}}
		case "per-share":
			for n := range v.Shares {
				name := fmt.Sprintf("unseal-key-%d", n)
				items = append(items, corev1.KeyToPath{Key: name, Path: name})
			}
		default:
			items = []corev1.KeyToPath{{Key: "key", Path: "key"}}
		}
	}
	return secretVolume("unseal-keys", *v.Secret, v.Mount.Optional, items)
}

func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func (v *vaultSpec) server() corev1.Container {
	p := v.prefix()
	env := []corev1.EnvVar{
		field("HOST_IP", "status.hostIP"), field("POD_IP", "status.podIP"),
		field(p+"K8S_POD_NAME", "metadata.name"), field(p+"K8S_NAMESPACE", "metadata.namespace"),
		{Name: p + "ADDR", Value: v.scheme() + "://127.0.0.1:8200"},
		{Name: p + "API_ADDR", Value: v.scheme() + "://$(POD_IP):8200"},
		{Name: "SKIP_CHOWN", Value: "true"}, {Name: "SKIP_SETCAP", Value: "true"},
		field("HOSTNAME", "metadata.name"),
		{Name: p + "CLUSTER_ADDR", Value: "https://$(HOSTNAME)." + v.Name + "-internal:8201"},
		field(p+"RAFT_NODE_ID", "metadata.name"),
		{Name: "HOME", Value: "/home/" + v.Chart},
	}
	mounts := []corev1.VolumeMount{{Name: "data", MountPath: v.home() + "/data"}, {Name: "config", MountPath: v.home() + "/config"}}
	if v.TLS {
		mounts = append(mounts, corev1.VolumeMount{Name: "userconfig-" + v.tlsSecret(), MountPath: v.tlsFolder(), ReadOnly: true})
	}
	if v.Seal == "static" {
		mounts = append(mounts, corev1.VolumeMount{Name: "userconfig-" + *v.Secret, MountPath: v.sealFolder(), ReadOnly: true})
	}
	tool := "bao"
	if v.Chart == "vault" {
		tool = "vault"
	}
	return corev1.Container{
		Name: v.Chart, Image: v.image(), Env: env, VolumeMounts: mounts,
		Command: []string{"/bin/sh", "-ec"},
		Args: []string{fmt.Sprintf("cp %s/config/extraconfig-from-values.hcl /tmp/storageconfig.hcl;\n"+
			"[ -n \"${POD_IP}\" ] && sed -Ei \"s|POD_IP|${POD_IP?}|g\" /tmp/storageconfig.hcl;\n"+
			"/usr/local/bin/docker-entrypoint.sh %s server -config=/tmp/storageconfig.hcl\n", v.home(), tool)},
		Ports: []corev1.ContainerPort{{Name: v.scheme(), ContainerPort: 8200}, {Name: "https-internal", ContainerPort: 8201}},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{
			Command: []string{"/bin/sh", "-ec", tool + " status -tls-skip-verify"}}},
			FailureThreshold: 2, InitialDelaySeconds: 5, PeriodSeconds: 5, SuccessThreshold: 1, TimeoutSeconds: 3},
	}
}

func (v *vaultSpec) unsealerContainer(target string) corev1.Container {
	c := corev1.Container{Name: "unsealer", Image: v.image(),
		Command:      []string{"/bin/sh", "-ec", "while true; do unseal-from /keys; sleep 1; done"},
		VolumeMounts: []corev1.VolumeMount{{Name: "unseal-keys", MountPath: "/keys", ReadOnly: true}}}
	if target != "" {
		c.Env = []corev1.EnvVar{{Name: "TARGET", Value: target}}
	} else {
		c.Env = []corev1.EnvVar{{Name: v.prefix() + "ADDR", Value: v.scheme() + "://127.0.0.1:8200"}}
	}
	return c
}

func (v *vaultSpec) statefulSet() *appsv1.StatefulSet {
	labels := v.selector()
	labels["helm.sh/chart"] = v.chart()
	grace := int64(10)
	spec := corev1.PodSpec{
		ServiceAccountName:            v.Name,
		TerminationGracePeriodSeconds: &grace,
		Containers:                    []corev1.Container{v.server()},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: v.Name + "-config"}}}}},
		Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: v.selector()}, TopologyKey: "kubernetes.io/hostname"}}}},
	}
	if v.TLS {
		spec.Volumes = append(spec.Volumes, secretVolume("userconfig-"+v.tlsSecret(), v.tlsSecret(), false, nil))
	}
	if v.Seal == "static" {
		spec.Volumes = append(spec.Volumes, secretVolume("userconfig-"+*v.Secret, *v.Secret, v.Mount.Optional, nil))
	}
	if v.Unsealer == "sidecar" {
		spec.Containers = append(spec.Containers, v.unsealerContainer(""))
		spec.Volumes = append(spec.Volumes, v.keysVolume())
	}
	class := "lab"
	policy := appsv1.ParallelPodManagement
	if v.Ordered {
		policy = appsv1.OrderedReadyPodManagement
	}
	return &appsv1.StatefulSet{ObjectMeta: v.meta(v.Name), Spec: appsv1.StatefulSetSpec{
		ServiceName: v.Name + "-internal", Replicas: &v.Replicas, PodManagementPolicy: policy,
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
		Selector:       &metav1.LabelSelector{MatchLabels: v.selector()},
		Template:       corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceStorage: resource.MustParse("10Gi")}}}}},
	}}
}

// deployment is an unsealer that stands beside the vault and opens all of its replicas.
func (v *vaultSpec) deployment() *appsv1.Deployment {
	one := int32(1)
	labels := map[string]string{"app": v.Name + "-unsealer", "app.kubernetes.io/name": "unsealer", "app.kubernetes.io/instance": v.Name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: v.Name + "-unsealer", Namespace: v.Namespace, Labels: labels},
		Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				ServiceAccountName: v.Name,
				Containers:         []corev1.Container{v.unsealerContainer(v.Name)},
				Volumes:            []corev1.Volume{v.keysVolume()}}}}}
}

// secretData puts the shares into the Secret in the shape that was asked for.
func (v *vaultSpec) secretData(keysBase64 []string, keysJSON []byte, rootToken string) map[string][]byte {
	data := map[string][]byte{"root-token": []byte(rootToken)}
	switch v.SecretShape {
	case "keys-json":
		data["keys"] = keysJSON
	case "per-share":
		for n, share := range keysBase64 {
			data[fmt.Sprintf("unseal-key-%d", n)] = []byte(share)
		}
	default:
		data["key"] = []byte(keysBase64[0])
	}
	return data
}
