// This file looks after the lab's folder: come here for why nothing is left on the disk, even of a lab that was killed.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const dirPattern = "baowatch-lab-"

// workdir is a folder with a lock that its lab holds for as long as it lives.
type workdir struct {
	path string
	lock *os.File
}

// newWorkdir makes the folder, after clearing away those whose lab was killed.
func newWorkdir(path string) (*workdir, error) {
	if path == "" {
		sweep()
		made, err := os.MkdirTemp("", dirPattern)
		if err != nil {
			return nil, err
		}
		path = made
	} else {
		if held(path) {
			return nil, fmt.Errorf("%s belongs to a lab that is running", path)
		}
		if _, err := os.Stat(filepath.Join(path, "lock")); err == nil {
			// What a killed lab left.
			if err := os.RemoveAll(path); err != nil {
				return nil, err
			}
		}
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			return nil, fmt.Errorf("%s is not empty", path)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, err
	}
	return &workdir{path: path, lock: lock}, nil
}

// held says whether a lab holds the folder's lock. The kernel lets go of it when the lab ends, however it ends.
func held(path string) bool {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

func sweep() {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), dirPattern+"*"))
	if err != nil {
		return
	}
	for _, path := range old {
		if _, err := os.Stat(filepath.Join(path, "lock")); err == nil && !held(path) {
			_ = os.RemoveAll(path)
		}
	}
}

func (w *workdir) remove() {
	_ = os.RemoveAll(w.path)
	_ = w.lock.Close()
}
