// This file makes the lab's keys and certificates, all X.509 v3: come here for what is signed by what.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is a certificate authority that lives as long as the lab.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair is a certificate with its key, both in PEM.
type pair struct{ cert, key []byte }

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	return n
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}, nil
}

// issue signs a certificate for a client (organisations are Kubernetes groups) and, with names, a server.
func (a *authority) issue(name string, groups, dns []string, ips ...string) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:              dns,
	}
	if len(dns)+len(ips) > 0 {
		tmpl.ExtKeyUsage = append(tmpl.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, ip := range ips {
		tmpl.IPAddresses = append(tmpl.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return pair{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{cert: encode("CERTIFICATE", der), key: keyPEM}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("EC PRIVATE KEY", der), nil
}

// writePKI writes what the control plane reads from files and returns the authority and the admin's pair.
func writePKI(dir string) (*authority, pair, error) {
	ca, err := newAuthority("lab-ca")
	if err != nil {
		return nil, pair{}, err
	}
	server, err := ca.issue("kube-apiserver", nil,
		[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}, "127.0.0.1", "10.0.0.1")
	if err != nil {
		return nil, pair{}, err
	}
	kubelet, err := ca.issue("kwok", nil, []string{"localhost"}, "127.0.0.1")
	if err != nil {
		return nil, pair{}, err
	}
	admin, err := ca.issue("lab-admin", []string{"system:masters"}, nil)
	if err != nil {
		return nil, pair{}, err
	}
	front, err := newAuthority("lab-front-proxy-ca")
	if err != nil {
		return nil, pair{}, err
	}
	proxy, err := front.issue("front-proxy-client", nil, nil)
	if err != nil {
		return nil, pair{}, err
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, pair{}, err
	}
	accountsKey, err := encodeKey(accounts)
	if err != nil {
		return nil, pair{}, err
	}
	accountsPub, err := x509.MarshalPKIXPublicKey(&accounts.PublicKey)
	if err != nil {
		return nil, pair{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, pair{}, err
	}
	for name, data := range map[string][]byte{
		"ca.crt": ca.pem, "apiserver.crt": server.cert, "apiserver.key": server.key,
		"kubelet.crt": kubelet.cert, "kubelet.key": kubelet.key,
		"admin.crt": admin.cert, "admin.key": admin.key,
		"front-proxy-ca.crt": front.pem, "front-proxy.crt": proxy.cert, "front-proxy.key": proxy.key,
		"sa.key": accountsKey, "sa.pub": encode("PUBLIC KEY", accountsPub),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, pair{}, err
		}
	}
	return ca, admin, nil
}
