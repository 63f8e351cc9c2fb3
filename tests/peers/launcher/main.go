// Command launcher starts and stops the real peers: a Kubernetes cluster without nodes (etcd, kube-apiserver,
// kube-controller-manager), and upstream's Sealed Secrets controller in it. tests/peers/cluster and
// tests/peers/upstream-controller build what it starts and call it.
//
// All state of a cluster is in one folder, DIR: certificates, data, logs, and a pid file for each process. Several clusters
// may run at once, each in a folder of its own.
//
// cluster.go and upstream.go say what is started, process.go how a process is started so that it can always be found and
// stopped again, certificates.go makes the keys and certificates, api.go is a small client of the API server, and compare.go
// puts the same requests to two API servers.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `usage:
  launcher cluster start DIR ETCD KUBE-APISERVER KUBE-CONTROLLER-MANAGER
  launcher cluster stop DIR
  launcher upstream-controller start DIR CONTROLLER CRD [--service-proxy] [-- FLAG...]
  launcher upstream-controller stop DIR
  launcher apply KUBECONFIG MANIFEST
  launcher compare REQUESTS OUTPUT THEIR-KUBECONFIG OUR-KUBECONFIG`

func main() {
	// An interrupted start cleans up like one that failed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "launcher: error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == childCommand {
		return becomeChild(args[1:])
	}
	if len(args) < 3 {
		return fmt.Errorf("too few arguments\n%s", usage)
	}
	if args[0] == "compare" {
		if len(args) != 5 {
			return fmt.Errorf("compare takes four arguments\n%s", usage)
		}
		return compare(ctx, args[1], args[2], args[3], args[4])
	}
	if args[0] == "apply" {
		return applyFile(ctx, args[1], args[2])
	}
	folder, err := filepath.Abs(args[2])
	if err != nil {
		return err
	}
	rest := args[3:]
	switch command := args[0] + " " + args[1]; {
	case command == "cluster start" && len(rest) == 3:
		return startCluster(ctx, folder, rest[0], rest[1], rest[2])
	case command == "cluster stop" && len(rest) == 0:
		return stopAll(folder, append(clusterProcesses, upstreamProcess))
	case command == "upstream-controller start" && len(rest) >= 2:
		return startUpstream(ctx, folder, rest[0], rest[1], rest[2:])
	case command == "upstream-controller stop" && len(rest) == 0:
		return stopAll(folder, []string{upstreamProcess})
	default:
		return fmt.Errorf("not understood: %q\n%s", args, usage)
	}
}
