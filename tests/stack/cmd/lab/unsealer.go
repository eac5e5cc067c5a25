// This file is the unsealer, as people run it beside their vault: come here for what it reads and
// whom it opens.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sealStatus is what a server says of its seal.
type sealStatus struct {
	Type        string `json:"type"`
	Initialized bool   `json:"initialized"`
	Sealed      bool   `json:"sealed"`
	Progress    int    `json:"progress"`
	Threshold   int    `json:"t"`
}

// startUnsealer runs the loop for one container until the pod ends or the container is stopped; i.mu is held.
func (i *instance) startUnsealer(c *container) {
	dir := ""
	for _, m := range c.spec.VolumeMounts {
		for _, v := range i.volumes {
			if v.spec.Name == m.Name && v.spec.Secret != nil {
				dir = filepath.Join(v.dir, m.SubPath)
			}
		}
	}
	target := ""
	for _, e := range c.spec.Env {
		if e.Name == "TARGET" {
			target = e.Value
		}
	}
	i.loops.Add(1)
	go func() {
		defer i.loops.Done()
		said := map[string]string{}
		for {
			select {
			case <-i.quit:
				return
			case <-time.After(i.runner.refresh):
			}
			if i.runner.isSilenced(i.namespace, i.vault()) {
				return
			}
			for _, s := range i.targets(target) {
				if word := open(s.url(), dir); word != said[s.key()] {
					said[s.key()] = word
					i.runner.logf("unsealer %s: %s: %s", i.key(), s.key(), word)
				}
			}
		}
	}()
}

// targets is the pod itself, or all replicas of the StatefulSet that TARGET names.
func (i *instance) targets(statefulSet string) []*instance {
	if statefulSet == "" {
		return []*instance{i}
	}
	var all []*instance
	for _, s := range i.runner.instances() {
		if s.namespace == i.namespace && s.server() != nil && strings.HasPrefix(s.name, statefulSet+"-") {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	return all
}

// shares is what the folder holds: key, keys (a JSON list or one a line), unseal-key-N.
func shares(dir string) []string {
	var found []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		name := entry.Name()
		if name != "key" && name != "keys" && !strings.HasPrefix(name, "unseal-key-") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		var list []string
		if json.Unmarshal(data, &list) != nil {
			list = strings.Fields(string(data))
		}
		for _, share := range list {
			if share != "" && !slices.Contains(found, share) {
				found = append(found, share)
			}
		}
	}
	return found
}

// open submits the shares in turn if the server is sealed, and says in a few words what came of it.
func open(base, dir string) string {
	var status sealStatus
	if err := ask(http.MethodGet, base+"/v1/sys/seal-status", nil, &status); err != nil {
		return "does not answer"
	}
	if !status.Sealed {
		return "open"
	}
	if !status.Initialized {
		return "not initialised"
	}
	list := shares(dir)
	if len(list) == 0 {
		return "sealed, and there is no share in the mounted Secret"
	}
	for _, share := range list {
		if err := askWith(calls, "", http.MethodPut, base+"/v1/sys/unseal", map[string]any{"key": share}, &status); err != nil {
			return "sealed, unseal refused: " + err.Error()
		}
		if !status.Sealed {
			return "opened"
		}
	}
	return fmt.Sprintf("still sealed after %d shares", len(list))
}

// ask is one call to a vault; an answer other than 2xx is an error with the server's words.
func ask(method, url string, in, out any) error {
	return askWith(probes, "", method, url, in, out)
}

func askWith(client *http.Client, token, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(data)))
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, out)
}
