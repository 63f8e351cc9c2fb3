package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The processes of a cluster, in the order in which they start.
var clusterProcesses = []string{"etcd", "kube-apiserver", "kube-controller-manager"}

const startDeadline = 2 * time.Minute

// A unix socket's path has at most this many bytes on Linux.
const maxSocketPath = 107

// startCluster starts an empty cluster in folder, or goes on with the one that was stopped there.
func startCluster(ctx context.Context, folder, etcd, apiserver, controllers string) (err error) {
	began := time.Now()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	if name := anyAlive(folder, clusterProcesses); name != "" {
		return fmt.Errorf("%s of the cluster in %s runs already: stop it first", name, folder)
	}
	keys := pki(filepath.Join(folder, "pki"))
	if err := keys.make(); err != nil {
		return fmt.Errorf("cannot make certificates: %w", err)
	}
	socket := filepath.Join(folder, "etcd.sock")
	if len(socket)+len(".peer") > maxSocketPath {
		return fmt.Errorf("%s is too long for a unix socket: take a folder with a shorter path", socket)
	}
	defer func() {
		if err != nil {
			os.Remove(filepath.Join(folder, "kubeconfig"))
			if stopErr := stopLocked(folder, clusterProcesses); stopErr != nil {
				err = fmt.Errorf("%w\nand then: %w", err, stopErr)
			}
		}
	}()

	if _, err := (process{name: "etcd", path: etcd, args: etcdFlags(folder, socket)}).start(folder, lock); err != nil {
		return err
	}
	port, client, err := startAPIServer(ctx, folder, apiserver, keys, socket, lock)
	if err != nil {
		return err
	}
	manager, err := (process{name: "kube-controller-manager", path: controllers, args: controllerFlags(folder, keys)}).start(folder, lock)
	if err != nil {
		return err
	}
	// What the controllers do first, and what pods of these namespaces need.
	for _, namespace := range []string{"default", "kube-system"} {
		for _, object := range []string{"serviceaccounts/default", "configmaps/kube-root-ca.crt"} {
			if err := manager.wait(ctx, startDeadline, client.exists("/api/v1/namespaces/"+namespace+"/"+object)); err != nil {
				return err
			}
		}
	}
	fmt.Printf("cluster ready after %.1f s: https://127.0.0.1:%d, KUBECONFIG=%s\n", time.Since(began).Seconds(), port,
		filepath.Join(folder, "kubeconfig"))
	return nil
}

// startAPIServer finds a free port for it (the one of last time, if that is free), and writes the kubeconfig.
func startAPIServer(ctx context.Context, folder, path string, keys pki, socket string, lock *os.File) (int, *api, error) {
	kubeconfig := filepath.Join(folder, "kubeconfig")
	for attempt := 0; ; attempt++ {
		port, err := apiServerPort(folder, attempt)
		if err != nil {
			return 0, nil, err
		}
		if err := writeKubeconfig(kubeconfig, port, keys); err != nil {
			return 0, nil, err
		}
		client, err := readKubeconfig(kubeconfig)
		if err != nil {
			return 0, nil, err
		}
		server, err := (process{name: "kube-apiserver", path: path, args: apiServerFlags(port, keys, socket)}).start(folder, lock)
		if err != nil {
			return 0, nil, err
		}
		err = server.wait(ctx, startDeadline, client.exists("/readyz"))
		if err != nil && attempt < 3 && strings.Contains(logEnd(folder, "kube-apiserver"), "address already in use") {
			continue
		}
		return port, client, err
	}
}

func apiServerPort(folder string, attempt int) (int, error) {
	file := filepath.Join(folder, "port")
	if attempt == 0 {
		if text, err := os.ReadFile(file); err == nil {
			return strconv.Atoi(strings.TrimSpace(string(text)))
		}
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return 0, err
	}
	return port, writeAtomically(file, fmt.Sprintln(port))
}

// etcdFlags: nothing listens on the network, and nothing waits for a disk. What a killed process wrote is kept by the
// kernel; what a killed machine wrote is lost.
func etcdFlags(folder, socket string) []string {
	client, peer := "unix://"+socket, "unix://"+socket+".peer"
	return []string{
		"--name=peer",
		"--data-dir=" + filepath.Join(folder, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=peer=" + peer,
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

// apiServerFlags: the defaults of Kubernetes where they exist, RBAC, and nothing that needs a node or a network.
func apiServerFlags(port int, keys pki, socket string) []string {
	return []string{
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		// Loopback is no address of an endpoint, and there are no pods that would look for the Service "kubernetes".
		"--endpoint-reconciler-type=none",
		"--secure-port=" + strconv.Itoa(port),
		"--etcd-servers=unix://" + socket,
		"--authorization-mode=RBAC",
		"--cert-dir=" + string(keys),
		"--tls-cert-file=" + keys.file("apiserver.crt"),
		"--tls-private-key-file=" + keys.file("apiserver.key"),
		"--client-ca-file=" + keys.file("ca.crt"),
		"--requestheader-client-ca-file=" + keys.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + keys.file("front-proxy.crt"),
		"--proxy-client-key-file=" + keys.file("front-proxy.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keys.file("service-accounts.pub"),
		"--service-account-signing-key-file=" + keys.file("service-accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--allow-privileged=true",
		// Otherwise open watches delay the end of the server.
		"--shutdown-watch-termination-grace-period=0s",
	}
}

func controllerFlags(folder string, keys pki) []string {
	return []string{
		"--kubeconfig=" + filepath.Join(folder, "kubeconfig"),
		"--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller",
		"--root-ca-file=" + keys.file("ca.crt"),
		"--leader-elect=false",
		"--secure-port=0",
		// Not 20 requests a second, but as many as a test asks for.
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
	}
}

// writeKubeconfig writes the administrator's. Nothing in it needs YAML quoting.
func writeKubeconfig(path string, port int, keys pki) error {
	var text bytes.Buffer
	data := map[string]string{}
	for _, name := range []string{"ca.crt", "admin.crt", "admin.key"} {
		pem, err := os.ReadFile(keys.file(name))
		if err != nil {
			return err
		}
		data[name] = base64.StdEncoding.EncodeToString(pem)
	}
	fmt.Fprintf(&text, `apiVersion: v1
kind: Config
current-context: bulla-peers
clusters:
- name: bulla-peers
  cluster:
    server: https://127.0.0.1:%d
    certificate-authority-data: %s
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: bulla-peers
  context:
    cluster: bulla-peers
    user: admin
    namespace: default
`, port, data["ca.crt"], data["admin.crt"], data["admin.key"])
	return writeAtomically(path, text.String())
}
