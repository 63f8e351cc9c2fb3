package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pki is a folder with the keys and certificates of one cluster. Files that are there are kept, so that kubeconfigs and
// tokens outlive a restart.
//
//	ca.crt                     the authority; its key is thrown away
//	apiserver.crt, .key        for 127.0.0.1, localhost and the names of the Service "kubernetes"
//	admin.crt, .key            group system:masters
//	front-proxy-ca.crt         an authority of its own, and what it signed: how the API server
//	front-proxy.crt, .key      introduces itself to extension servers
//	service-accounts.key, .pub sign and check tokens
type pki string

func (p pki) file(name string) string { return filepath.Join(string(p), name) }

func (p pki) make() error {
	if _, err := os.Stat(p.file("complete")); err == nil {
		return nil
	}
	if err := os.MkdirAll(string(p), 0o700); err != nil {
		return err
	}
	serving := x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	admin := x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	proxy := x509.Certificate{
		Subject:     pkix.Name{CommonName: "front-proxy"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	ca, err := p.authority("ca")
	if err != nil {
		return err
	}
	frontProxyCA, err := p.authority("front-proxy-ca")
	if err != nil {
		return err
	}
	return errors.Join(
		p.leaf("apiserver", ca, serving),
		p.leaf("admin", ca, admin),
		p.leaf("front-proxy", frontProxyCA, proxy),
		p.serviceAccountKey(),
		os.WriteFile(p.file("complete"), nil, 0o600),
	)
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func (p pki) authority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		Subject: pkix.Name{CommonName: fmt.Sprintf("bulla-peers-%s-%d", name, time.Now().UnixNano())}, // unlike any other's
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, err := p.sign(name, template, key.Public(), &authority{&template, key})
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key}, nil
}

func (p pki) leaf(name string, by *authority, template x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if _, err := p.sign(name, template, key.Public(), by); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return p.writePem(name+".key", "PRIVATE KEY", der)
}

func (p pki) sign(name string, template x509.Certificate, key crypto.PublicKey, by *authority) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// An hour for clocks that are set back.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, &template, by.certificate, key, by.key)
	if err != nil {
		return nil, err
	}
	if err := p.writePem(name+".crt", "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (p pki) serviceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(
		p.writePem("service-accounts.key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		p.writePem("service-accounts.pub", "PUBLIC KEY", public),
	)
}

func (p pki) writePem(name, kind string, der []byte) error {
	return os.WriteFile(p.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
