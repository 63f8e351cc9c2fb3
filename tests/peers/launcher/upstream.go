package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Upstream's controller, v0.40.0, outside of any pod.
//
// It knows the in-cluster configuration only, so it gets what a pod has: two variables that name the API server, and its
// ServiceAccount's files under /var/run/secrets/kubernetes.io/serviceaccount. Those are in a tmpfs over /run that only this
// process sees (a mount namespace of its own), so nothing of the machine is touched and several can run at once.

const upstreamProcess = "upstream-controller"

const (
	upstreamNamespace = "kube-system"
	upstreamName      = "sealed-secrets-controller"
)

//go:embed manifests/rbac.yaml
var rbacManifest string

//go:embed manifests/service.yaml
var serviceManifest string

// startUpstream starts controller in the cluster of folder, under upstream's own rights. options are --service-proxy, and
// after "--" flags for the controller.
func startUpstream(ctx context.Context, folder, controller, crd string, options []string) (err error) {
	began := time.Now()
	serviceProxy, flags, err := upstreamOptions(options)
	if err != nil {
		return err
	}
	// The child works in folder.
	if controller, err = filepath.Abs(controller); err != nil {
		return err
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return fmt.Errorf("no cluster in %s: %w", folder, err)
	}
	defer lock.Close()
	if anyAlive(folder, []string{upstreamProcess}) != "" {
		return fmt.Errorf("upstream's controller runs already in %s: stop it first", folder)
	}
	client, err := readKubeconfig(filepath.Join(folder, "kubeconfig"))
	if err != nil {
		return fmt.Errorf("no cluster in %s: %w", folder, err)
	}
	definition, err := os.ReadFile(crd)
	if err != nil {
		return err
	}
	if err := applyAll(ctx, client, string(definition)); err != nil {
		return err
	}
	if err := applyAll(ctx, client, rbacManifest); err != nil {
		return err
	}
	account, err := writeServiceAccount(ctx, client, folder)
	if err != nil {
		return err
	}
	address := "127.0.0.1"
	if serviceProxy {
		if address, err = hostAddress(); err != nil {
			return err
		}
	}
	port, err := freePort(address)
	if err != nil {
		return err
	}
	metricsPort, err := freePort("127.0.0.1")
	if err != nil {
		return err
	}
	if serviceProxy {
		manifest := strings.NewReplacer("ADDRESS", address, "PORT", strconv.Itoa(port)).Replace(serviceManifest)
		if err := applyAll(ctx, client, manifest); err != nil {
			return err
		}
	}
	listen := net.JoinHostPort(address, strconv.Itoa(port))
	host, apiPort, err := net.SplitHostPort(strings.TrimPrefix(client.server, "https://"))
	if err != nil {
		return err
	}
	p := process{
		name:           upstreamProcess,
		path:           controller,
		args:           append([]string{"--listen-addr=" + listen, fmt.Sprintf("--listen-metrics-addr=127.0.0.1:%d", metricsPort)}, flags...),
		env:            append(plainEnvironment(), "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+apiPort, "POD_NAMESPACE="+upstreamNamespace),
		serviceAccount: account,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stopLocked(folder, []string{upstreamProcess}))
		}
	}()
	started, err := p.start(folder, lock)
	if err != nil {
		return err
	}
	if err := started.wait(ctx, startDeadline, ready("http://"+listen+"/readyz")); err != nil {
		return err
	}
	fmt.Printf("upstream's controller ready after %.1f s: http://%s, metrics http://127.0.0.1:%d/metrics, log %s\n",
		time.Since(began).Seconds(), listen, metricsPort, logFile(folder, upstreamProcess))
	return nil
}

func upstreamOptions(options []string) (serviceProxy bool, flags []string, err error) {
	if len(options) > 0 && options[0] == "--service-proxy" {
		serviceProxy, options = true, options[1:]
	}
	if len(options) > 0 {
		if options[0] != "--" {
			return false, nil, fmt.Errorf("unknown option %q: flags of the controller come after --", options[0])
		}
		flags = options[1:]
	}
	return serviceProxy, flags, nil
}

func ready(url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: 5 * time.Second}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	}
}

// writeServiceAccount makes the folder that a pod of the controller would have mounted.
func writeServiceAccount(ctx context.Context, client *api, folder string) (string, error) {
	token, err := client.serviceAccountToken(ctx, upstreamNamespace, upstreamName)
	if err != nil {
		return "", err
	}
	authority, err := os.ReadFile(pki(filepath.Join(folder, "pki")).file("ca.crt"))
	if err != nil {
		return "", err
	}
	account := filepath.Join(folder, upstreamProcess+".serviceaccount")
	return account, errors.Join(
		os.MkdirAll(account, 0o700),
		writeAtomically(filepath.Join(account, "token"), token),
		writeAtomically(filepath.Join(account, "ca.crt"), string(authority)),
		writeAtomically(filepath.Join(account, "namespace"), upstreamNamespace),
	)
}

// mountServiceAccount runs in the child, in its private mount namespace.
func mountServiceAccount(account string) error {
	const where = "/var/run/secrets/kubernetes.io/serviceaccount"
	files := map[string][]byte{}
	for _, name := range []string{"token", "ca.crt", "namespace"} {
		text, err := os.ReadFile(filepath.Join(account, name))
		if err != nil {
			return err
		}
		files[name] = text
	}
	// Go made all mounts private when it unshared the namespace.
	if err := syscall.Mount("tmpfs", "/var/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "mode=0755"); err != nil {
		return fmt.Errorf("cannot mount a tmpfs on /var/run (upstream's controller needs root, or a user namespace): %w", err)
	}
	if err := os.MkdirAll(where, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(where, name), text, 0o400); err != nil {
			return err
		}
	}
	return nil
}

// hostAddress is an address of this machine that the API server accepts for an endpoint: neither loopback nor link-local.
// Who can reach this machine there can ask the controller for its certificate while it runs.
func hostAddress() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String(), nil
		}
	}
	return "", errors.New("the service proxy needs an IPv4 address that is not loopback, and this machine has none (ip address add 10.255.0.1/32 dev lo)")
}

var (
	manifestKind = regexp.MustCompile(`(?m)^kind: (\S+)$`)
	manifestName = regexp.MustCompile(`(?m)^(?:metadata: \{|  )name: ([a-z0-9.-]+)`)
)

func applyFile(ctx context.Context, kubeconfig, path string) error {
	client, err := readKubeconfig(kubeconfig)
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return applyAll(ctx, client, string(manifest))
}

// applyAll applies the documents of a manifest, in order. It knows the kinds that the manifests here have.
func applyAll(ctx context.Context, client *api, manifest string) error {
	const rbac, core, inNamespace = "/apis/rbac.authorization.k8s.io/v1/", "/api/v1/", "namespaces/" + upstreamNamespace + "/"
	paths := map[string]string{
		"ServiceAccount":           core + inNamespace + "serviceaccounts/",
		"Service":                  core + inNamespace + "services/",
		"Pod":                      core + inNamespace + "pods/",
		"Pod/status":               core + inNamespace + "pods/",
		"Endpoints":                core + inNamespace + "endpoints/",
		"EndpointSlice":            "/apis/discovery.k8s.io/v1/" + inNamespace + "endpointslices/",
		"ClusterRole":              rbac + "clusterroles/",
		"ClusterRoleBinding":       rbac + "clusterrolebindings/",
		"Role":                     rbac + inNamespace + "roles/",
		"RoleBinding":              rbac + inNamespace + "rolebindings/",
		"CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/",
	}
	for _, document := range strings.Split("\n"+manifest, "\n---\n") {
		kind, name := manifestKind.FindStringSubmatch(document), manifestName.FindStringSubmatch(document)
		if strings.TrimSpace(document) == "" {
			continue
		}
		if kind == nil || name == nil || paths[kind[1]] == "" {
			return fmt.Errorf("a manifest with an unknown kind or without a name:\n%s", document)
		}
		path := paths[kind[1]] + name[1]
		// "kind: Pod/status" is how the manifests here say that the document is for the subresource.
		if realKind, ok := strings.CutSuffix(kind[1], "/status"); ok {
			path += "/status"
			document = strings.Replace(document, kind[0], "kind: "+realKind, 1)
		}
		if err := client.apply(ctx, path, document); err != nil {
			return err
		}
		if kind[1] == "CustomResourceDefinition" {
			if err := waitEstablished(ctx, client, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func waitEstablished(ctx context.Context, client *api, path string) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	for {
		body, err := client.must(ctx, http.MethodGet, path, "application/json", "")
		if err != nil {
			return err
		}
		var definition struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := json.Unmarshal(body, &definition); err != nil {
			return err
		}
		for _, condition := range definition.Status.Conditions {
			if condition.Type == "Established" && condition.Status == "True" {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
