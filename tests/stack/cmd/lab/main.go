// Command lab is the real stack on one machine: come here for its subcommands.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const usage = `usage:
  lab serve [--dir DIR] [--with-parent] [--refresh 1s] [--nodes 5] [--bao PATH]
        run a control plane and real vaults in the foreground; one JSON line on stdout when ready
  lab call SOCKET METHOD PATH [JSON]
        one request to the control API of a running lab
  lab capture DIR
        write what the API server leaves after each way to empty a Secret
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2:])
	case "call":
		err = call(os.Args[2:])
	case "capture":
		err = captureAll(os.Args[2:])
	case "help", "-h", "--help":
		fmt.Print(usage)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// binaries is the folder that lab itself is in; control, kwok, kubectl and bao are beside it.
func binaries() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	self, err = filepath.EvalSymlinks(self)
	return filepath.Dir(self), err
}

func call(args []string) error {
	if len(args) < 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var body io.Reader
	if len(args) > 3 {
		body = bytes.NewBufferString(args[3])
	}
	client := &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", args[0])
		}}}
	req, err := http.NewRequest(args[1], "http://lab"+args[2], body)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", args[1], args[2], resp.Status)
	}
	return nil
}
