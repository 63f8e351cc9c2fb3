package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// api is a client of one API server: raw requests, raw answers.
type api struct {
	server string
	token  string
	http   *http.Client
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// A kubeconfig of one cluster and one user in block style, as our own commands write them.
var kubeconfigLine = regexp.MustCompile(`(?m)^\s*(server|certificate-authority-data|client-certificate-data|client-key-data|token): (\S+)$`)

func readKubeconfig(path string) (*api, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for _, match := range kubeconfigLine.FindAllStringSubmatch(string(text), -1) {
		if fields[match[1]] != "" {
			return nil, fmt.Errorf("%s has %s twice", path, match[1])
		}
		fields[match[1]] = match[2]
	}
	decoded := func(name string) []byte {
		data, decodeErr := base64.StdEncoding.DecodeString(fields[name])
		if decodeErr != nil {
			err = fmt.Errorf("%s: %s: %w", path, name, decodeErr)
		}
		return data
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(decoded("certificate-authority-data")) {
		return nil, fmt.Errorf("%s has no certificate-authority-data", path)
	}
	if fields["client-certificate-data"] != "" {
		pair, pairErr := tls.X509KeyPair(decoded("client-certificate-data"), decoded("client-key-data"))
		if pairErr != nil {
			return nil, fmt.Errorf("%s: %w", path, pairErr)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	// Whatever the environment says about proxies: the server is on this machine.
	transport := &http.Transport{TLSClientConfig: config, Proxy: nil}
	return &api{fields["server"], fields["token"], &http.Client{Transport: transport, Timeout: 30 * time.Second}}, err
}

// anonymous is a client of the same server that proves nothing.
func (a *api) anonymous() *api {
	transport := a.http.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = nil
	return &api{a.server, "", &http.Client{Transport: transport, Timeout: a.http.Timeout}}
}

func (a *api) do(ctx context.Context, method, path string, header http.Header, body string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.server+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	for name, values := range header {
		request.Header[name] = values
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, received}, err
}

// must is do for requests that are to succeed: any other answer than 2xx is an error.
func (a *api) must(ctx context.Context, method, path, contentType, body string) ([]byte, error) {
	answer, err := a.do(ctx, method, path, http.Header{"Content-Type": {contentType}}, body)
	if err != nil {
		return nil, err
	}
	if answer.status/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, answer.status, bytes.TrimSpace(answer.body))
	}
	return answer.body, nil
}

// apply is a forced server-side apply. The manifest may be YAML.
func (a *api) apply(ctx context.Context, path, manifest string) error {
	_, err := a.must(ctx, http.MethodPatch, path+"?fieldManager=bulla-peers&force=true", "application/apply-patch+yaml", manifest)
	return err
}

// exists is nil once a GET of path succeeds.
func (a *api) exists(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := a.must(ctx, http.MethodGet, path, "application/json", "")
		return err
	}
}

// token asks for one of a ServiceAccount.
func (a *api) serviceAccountToken(ctx context.Context, namespace, name string) (string, error) {
	body, err := a.must(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+name+"/token", "application/json",
		`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":604800}}`)
	if err != nil {
		return "", err
	}
	var request struct{ Status struct{ Token string } }
	return request.Status.Token, json.Unmarshal(body, &request)
}

// freePort is a port that was free a moment ago. Whoever uses it must be ready to try another.
func freePort(address string) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
