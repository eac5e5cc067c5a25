// This file plays the seventeen ways in which a second writer meets a Secret with keys, on a real
// API server and mostly with a real kubectl: come here to see which commands stand behind assets/sandbox/secrets.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// way is one of them. Steps are run in turn; a step that starts with "!" must fail.
type way struct {
	file    string
	what    string
	outcome string // of the data: kept, emptied, key-emptied
	before  []step
	between []step // a first act of which the object is kept too
	after   []step
}

// step is one kubectl command with a manifest on stdin.
type step struct {
	command  string
	manifest string
}

const (
	bare     = "apiVersion: v1\nkind: Secret\nmetadata: {name: openbao-keys, namespace: data}\ntype: Opaque\n"
	full     = bare + "data: {key: $KEY, root-token: $TOKEN}\n"
	emptyKey = bare + "data: {key: \"\"}\n"
	asText   = bare + "stringData: {key: $PLAINKEY, root-token: $PLAINTOKEN}\n"

	apply    = "apply -f -"
	takeOver = "apply --server-side -f -"
	byM      = "apply --server-side --field-manager=keys-operator -f -"
	byN      = "apply --server-side --field-manager=gitops -f -"
	create   = "create --field-manager=seeder -f -"
)

var ways = []way{
	{"01-client-apply-over-seeder", "Data written by a plain create of seeder; then a first client-side kubectl apply of a manifest without data.",
		"kept", []step{{create, full}}, nil, []step{{apply, bare}}},
	{"02-client-apply", "Data written by a client-side kubectl apply; then the same without data.",
		"emptied", []step{{apply, full}}, nil, []step{{apply, bare}}},
	{"03-server-apply-over-seeder", "Data written by a plain create of seeder; then a forced server-side apply by another manager without data.",
		"kept", []step{{create, full}}, nil, []step{{byN + " --force-conflicts", bare}}},
	{"04-same-manager-apply", "Data written by a server-side apply of keys-operator; then the same manager applies without data.",
		"emptied", []step{{byM, full}}, nil, []step{{byM, bare}}},
	{"05-server-apply-other-manager", "Data written by a server-side apply of keys-operator; then gitops applies without data.",
		"kept", []step{{byM, full}}, nil, []step{{byN, bare}}},
	{"06-server-apply-both-drop", "Data owned by keys-operator and gitops; the first drops it and it stays, then the second drops it.",
		"emptied", []step{{byM, full}, {byN, full}}, []step{{byM, bare}}, []step{{byN, bare}}},
	{"07-update-then-server-apply-same-name", "Data written by an Update of keys-operator; then a server-side apply of the same manager name without data.",
		"kept", []step{{"create --field-manager=keys-operator -f -", full}}, nil, []step{{byM, bare}}},
	{"08-client-then-server-apply", "Data written by a client-side kubectl apply; then kubectl apply --server-side without data, which takes the fields over first.",
		"emptied", []step{{apply, full}}, nil, []step{{takeOver, bare}}},
	{"09-server-apply-after-update", "Data written by a server-side apply of keys-operator and changed by an Update of rotator; then keys-operator applies without data.",
		"kept", []step{{byM, full}, {"patch secret openbao-keys -n data --field-manager=rotator --type=merge -p {\"data\":{\"key\":\"$KEY2\",\"root-token\":\"$TOKEN2\"}}", ""}},
		nil, []step{{byM, bare}}},
	{"10-server-apply-empty-map", "Data written by a plain create of seeder; then a server-side apply with data: {}.",
		"kept", []step{{create, full}}, nil, []step{{byN, bare + "data: {}\n"}}},
	{"11-server-apply-empty-value", "Data written by a plain create of seeder; then a server-side apply of key: \"\", refused as a conflict and then forced.",
		"key-emptied", []step{{create, full}}, nil, []step{{"!" + byN, emptyKey}, {byN + " --force-conflicts", emptyKey}}},
	{"12-empty-value", "Data written by a plain create of seeder; then a client-side kubectl apply of key: \"\".",
		"key-emptied", []step{{create, full}}, nil, []step{{apply, emptyKey}}},
	{"13-replace", "Data written by a plain create of seeder; then kubectl replace with a manifest without data.",
		"emptied", []step{{create, full}}, nil, []step{{"replace -f -", bare}}},
	{"14-json-patch", "Data written by a plain create of seeder; then kubectl patch --type=json that removes /data.",
		"emptied", []step{{create, full}}, nil, []step{{"patch secret openbao-keys -n data --type=json -p [{\"op\":\"remove\",\"path\":\"/data\"}]", ""}}},
	{"15-recreate", "Data written by a plain create of seeder; then kubectl replace --force without data: deleted and created anew.",
		"emptied", []step{{create, full}}, nil, []step{{"replace --force -f -", bare}}},
	{"16-string-data", "Values written as stringData by a server-side apply of keys-operator; then the same manager applies without.",
		"kept", []step{{byM, asText}}, nil, []step{{byM, bare}}},
	{"17-create-then-server-apply", "Data written by kubectl create; then kubectl apply --server-side without data.",
		"kept", []step{{"create -f -", full}}, nil, []step{{takeOver, bare}}},
}

// captured is one file.
type captured struct {
	What    string          `json:"what"`
	Outcome string          `json:"outcome"`
	Before  json.RawMessage `json:"before"`
	Between json.RawMessage `json:"between,omitempty"`
	After   json.RawMessage `json:"after"`
}

type capturer struct {
	kubectl, kubeconfig, home string
	values                    *strings.Replacer
}

func captureAll(args []string) error {
	if len(args) != 1 {
		return errors.New("one folder is wanted")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	bin, err := binaries()
	if err != nil {
		return err
	}
	work, err := newWorkdir("")
	if err != nil {
		return err
	}
	defer work.remove()
	p, err := newPlane(newSpawner(), bin, work.path)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.startAPI(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	c := &capturer{kubectl: filepath.Join(bin, "kubectl"), kubeconfig: p.kubeconfig, home: work.path}
	if _, err := c.run(ctx, step{command: "create namespace data"}); err != nil {
		return err
	}
	for _, w := range ways {
		out, err := c.play(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.file, err)
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(args[0], w.file+".json"), text.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", w.file, w.outcome)
	}
	return nil
}

func (c *capturer) play(ctx context.Context, w way) (*captured, error) {
	var pairs []string
	for _, n := range []string{"", "2"} {
		key, token := make([]byte, 32), make([]byte, 12)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		if _, err := rand.Read(token); err != nil {
			return nil, err
		}
		b64 := base64.StdEncoding.EncodeToString
		share, root := b64(key), "s."+hex.EncodeToString(token)
		pairs = append([]string{"$KEY" + n, b64([]byte(share)), "$TOKEN" + n, b64([]byte(root)),
			"$PLAINKEY" + n, share, "$PLAINTOKEN" + n, root}, pairs...)
	}
	c.values = strings.NewReplacer(pairs...)
	out := &captured{What: w.what, Outcome: w.outcome}
	for _, part := range []struct {
		steps []step
		into  *json.RawMessage
	}{{w.before, &out.Before}, {w.between, &out.Between}, {w.after, &out.After}} {
		if part.steps == nil {
			continue
		}
		for _, s := range part.steps {
			if _, err := c.run(ctx, s); err != nil {
				return nil, err
			}
		}
		object, err := c.run(ctx, step{command: "get secret openbao-keys -n data -o json --show-managed-fields"})
		if err != nil {
			return nil, err
		}
		*part.into = object
		// Times in managedFields are whole seconds: the next act must fall into another one.
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(1100 * time.Millisecond):
		}
	}
	var after struct {
		Data map[string]string `json:"data"`
	}
	if err := json.Unmarshal(out.After, &after); err != nil {
		return nil, err
	}
	key, there := after.Data["key"]
	seen := "kept"
	switch {
	case !there:
		seen = "emptied"
	case key == "":
		seen = "key-emptied"
	}
	if seen != w.outcome {
		return nil, fmt.Errorf("the data is %s, not %s", seen, w.outcome)
	}
	_, err := c.run(ctx, step{command: "delete secret openbao-keys -n data"})
	return out, err
}

func (c *capturer) run(ctx context.Context, s step) ([]byte, error) {
	command, mustFail := strings.CutPrefix(s.command, "!")
	cmd := exec.CommandContext(ctx, c.kubectl, strings.Fields(c.fill(command))...)
	cmd.Env = []string{"KUBECONFIG=" + c.kubeconfig, "HOME=" + c.home, "PATH=/usr/bin:/bin"}
	cmd.Stdin = strings.NewReader(c.fill(s.manifest))
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	switch {
	case mustFail && err == nil:
		return nil, fmt.Errorf("kubectl %s did not fail", command)
	case !mustFail && err != nil:
		return nil, fmt.Errorf("kubectl %s: %w: %s", command, err, words.String())
	}
	return out.Bytes(), nil
}

func (c *capturer) fill(text string) string {
	if c.values == nil {
		return text
	}
	return c.values.Replace(text)
}
