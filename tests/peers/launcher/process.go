package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process that `stop` must find under all circumstances, also if `start` was killed in the middle.
//
// The child itself writes its pid file before it becomes the program (exec keeps pid and start time), and it holds the
// folder's lock until then: whoever gets the lock sees the pid file of every process that was ever started. A pid file holds
// pid and start time, and only a process that has both is ours: a pid that the kernel gave away again is left alone.

const childCommand = "become-child"

// How long a process gets to end by itself.
const grace = 5 * time.Second

// How long one command waits for another that works in the same folder.
const lockDeadline = 3 * time.Minute

type process struct {
	name string
	path string
	args []string
	env  []string
	// Sees a /run of its own, with the files of this folder as a pod's ServiceAccount.
	serviceAccount string
}

// start runs the process in folder, detached, with its output in folder/NAME.log.
func (p process) start(folder string, lock *os.File) (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile(folder, p.name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(self, append([]string{childCommand, pidFile(folder, p.name), p.serviceAccount, p.path}, p.args...)...)
	command.Dir = folder
	command.Env = p.env
	if command.Env == nil {
		command.Env = plainEnvironment()
	}
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{lock}
	// No signal of our terminal reaches it.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p.serviceAccount != "" {
		command.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", p.name, err)
	}
	r := &running{name: p.name, folder: folder, ended: make(chan struct{})}
	go func() {
		r.result = command.Wait()
		close(r.ended)
	}()
	return r, nil
}

// plainEnvironment leaves out what would change the peers' behaviour behind our back: proxies above all.
func plainEnvironment() []string {
	environment := []string{"HOME=/nonexistent"}
	for _, name := range []string{"PATH", "TMPDIR", "GOMAXPROCS", "GOMEMLIMIT"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// becomeChild is what the child does first: args are the pid file, the ServiceAccount's folder or "", and the program with
// its arguments. Descriptor 3 is the lock.
func becomeChild(args []string) error {
	const lock = 3
	syscall.CloseOnExec(lock)
	started, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	if err := writeAtomically(args[0], fmt.Sprintf("%d %s\n", os.Getpid(), started)); err != nil {
		return err
	}
	if args[1] != "" {
		if err := mountServiceAccount(args[1]); err != nil {
			return err
		}
	}
	return fmt.Errorf("cannot run %s: %w", args[2], syscall.Exec(args[2], args[2:], os.Environ()))
}

// A process that this very command started.
type running struct {
	name   string
	folder string
	result error
	ended  chan struct{}
}

// wait asks again and again until ready says yes, the process ends, or the time is over. ready's last error is the reason.
func (r *running) wait(outer context.Context, deadline time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(outer, deadline)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("%s ended (%v); the end of %s:\n%s", r.name, r.result, logFile(r.folder, r.name), logEnd(r.folder, r.name))
		case <-outer.Done():
			return errors.New("interrupted")
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready after %s (%v); the end of %s:\n%s", r.name, deadline, err,
				logFile(r.folder, r.name), logEnd(r.folder, r.name))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stopAll stops the named processes of folder, the last first, and forgets those that ended by themselves.
func stopAll(folder string, names []string) error {
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	return stopLocked(folder, names)
}

func stopLocked(folder string, names []string) error {
	var failures []error
	for index := len(names) - 1; index >= 0; index-- {
		if err := stop(folder, names[index]); err != nil {
			failures = append(failures, fmt.Errorf("cannot stop %s: %w", names[index], err))
		}
	}
	return errors.Join(failures...)
}

func stop(folder, name string) error {
	pid, started, err := readPidFile(folder, name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// On Linux this holds a descriptor of the process: from here on the signals can reach no other.
	handle, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !alive(pid, started) {
			break
		}
		if err := handle.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		for deadline := time.Now().Add(grace); alive(pid, started) && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if alive(pid, started) {
		return fmt.Errorf("process %d does not end", pid)
	}
	return os.Remove(pidFile(folder, name))
}

// anyAlive names a process of folder that runs, or is "".
func anyAlive(folder string, names []string) string {
	for _, name := range names {
		if pid, started, err := readPidFile(folder, name); err == nil && alive(pid, started) {
			return name
		}
	}
	return ""
}

func readPidFile(folder, name string) (pid int, started string, err error) {
	text, err := os.ReadFile(pidFile(folder, name))
	if err != nil {
		return 0, "", err
	}
	fields := strings.Fields(string(text))
	if len(fields) == 2 {
		if pid, err := strconv.Atoi(fields[0]); err == nil && pid > 1 {
			return pid, fields[1], nil
		}
	}
	return 0, "", fmt.Errorf("%s is no pid file of ours", pidFile(folder, name))
}

func alive(pid int, started string) bool {
	now, err := startTime(pid)
	return err == nil && now == started
}

// startTime is what tells apart two processes with the same pid: the boot, and the clock ticks from then to its start
// (proc_pid_stat(5), field 22). A zombie has ended: its parent is just late.
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field is the name in parentheses and may hold anything, so fields count from behind it: the state is the
	// third.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[19], nil
}

// lockFolder waits until no other command works in folder.
func lockFolder(folder string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockDeadline); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			lock.Close()
			return nil, fmt.Errorf("another command works in %s: %w", folder, err)
		}
	}
}

func pidFile(folder, name string) string { return filepath.Join(folder, name+".pid") }

func logFile(folder, name string) string { return filepath.Join(folder, name+".log") }

func logEnd(folder, name string) string {
	text, err := os.ReadFile(logFile(folder, name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// writeAtomically leaves the old file or the whole new one, readable by its owner only.
func writeAtomically(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		os.Remove(file.Name())
		return err
	}
	return os.Rename(file.Name(), path)
}
