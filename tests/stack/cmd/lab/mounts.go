// This file shows Secrets and ConfigMaps to a pod's containers as a kubelet would: come here for
// what a running pod sees when its Secret is emptied.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
)

// volume is one volume of a pod, as a folder on disk.
type volume struct {
	spec corev1.Volume
	dir  string
}

var errNotReady = errors.New("not synced yet")

// contents is what the volume should hold now. An error means what it means to a kubelet: a pod
// that starts waits, a pod that runs keeps the files that it has.
func (r *runner) contents(namespace string, spec corev1.Volume) (map[string][]byte, error) {
	var data map[string][]byte
	var items []corev1.KeyToPath
	optional := false
	what := ""
	found := false
	switch {
	case spec.Secret != nil:
		if !r.secrets.ready() {
			return nil, errNotReady
		}
		what = fmt.Sprintf("secret %q", spec.Secret.SecretName)
		items = spec.Secret.Items
		optional = spec.Secret.Optional != nil && *spec.Secret.Optional
		if s, ok := r.secrets.get(namespace, spec.Secret.SecretName).(*corev1.Secret); ok && s != nil {
			data, found = s.Data, true
		} else if r.tolerated(namespace, spec.Secret.SecretName) {
			return map[string][]byte{}, nil
		}
	case spec.ConfigMap != nil:
		if !r.configs.ready() {
			return nil, errNotReady
		}
		what = fmt.Sprintf("configmap %q", spec.ConfigMap.Name)
		items = spec.ConfigMap.Items
		optional = spec.ConfigMap.Optional != nil && *spec.ConfigMap.Optional
		if c, ok := r.configs.get(namespace, spec.ConfigMap.Name).(*corev1.ConfigMap); ok && c != nil {
			data, found = map[string][]byte{}, true
			for k, v := range c.Data {
				data[k] = []byte(v)
			}
			for k, v := range c.BinaryData {
				data[k] = v
			}
		}
	default:
		return map[string][]byte{}, nil
	}
	if !found && !optional {
		return nil, fmt.Errorf("%s not found", what)
	}
	if len(items) == 0 {
		return data, nil
	}
	files := map[string][]byte{}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok {
			if optional {
				continue
			}
			return nil, fmt.Errorf("references non-existent secret key: %s", item.Key)
		}
		files[item.Path] = value
	}
	return files, nil
}

// lay makes the folder hold exactly these files.
func lay(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path+".lab-new", data, 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".lab-new", path); err != nil {
			return err
		}
	}
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, wanted := files[rel]; !wanted {
			return os.Remove(path)
		}
		return nil
	})
}

// mount makes all volumes of a pod that starts, or says what it waits for.
func (i *instance) mount() error {
	for n := range i.volumes {
		v := &i.volumes[n]
		if v.spec.PersistentVolumeClaim != nil || v.spec.Secret == nil && v.spec.ConfigMap == nil {
			if err := os.MkdirAll(v.dir, 0o700); err != nil {
				return err
			}
			continue
		}
		files, err := i.runner.contents(i.namespace, v.spec)
		if err == nil {
			err = lay(v.dir, files)
		}
		if err != nil {
			return fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", v.spec.Name, err)
		}
	}
	return nil
}

// refresh brings the Secrets of a running pod up to date, keeping the old files where a kubelet keeps them.
func (i *instance) refresh() {
	for _, v := range i.volumes {
		if v.spec.Secret == nil && v.spec.ConfigMap == nil {
			continue
		}
		files, err := i.runner.contents(i.namespace, v.spec)
		if err != nil {
			continue
		}
		if err := lay(v.dir, files); err != nil {
			i.runner.logf("%s: refresh volume %s: %v", i.key(), v.spec.Name, err)
		}
	}
}
