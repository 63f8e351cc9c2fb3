package main

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/getsops/sops/v3/keyservice"
)

// What stands around the data key, in the shape of an age file: several lines, the last one ended.
const (
	head = "-----BEGIN NOTHING-----\n"
	foot = "\n-----END NOTHING-----\n"
)

// openWrapper is a key service that wraps the data key in nothing. The other side of tests/sops has the same.
type openWrapper struct{}

// Encrypt wraps for recipients that begin with "open".
func (openWrapper) Encrypt(_ context.Context, asked *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	if !strings.HasPrefix(asked.Key.GetAgeKey().GetRecipient(), "open") {
		return nil, errors.New("not for this service")
	}
	return &keyservice.EncryptResponse{Ciphertext: []byte(head + hex.EncodeToString(asked.Plaintext) + foot)}, nil
}

// Decrypt opens what Encrypt made.
func (openWrapper) Decrypt(_ context.Context, asked *keyservice.DecryptRequest) (*keyservice.DecryptResponse, error) {
	body, ok := strings.CutPrefix(string(asked.Ciphertext), head)
	if !ok {
		return nil, errors.New("not for this service")
	}
	part, err := hex.DecodeString(strings.TrimSuffix(body, foot))
	if err != nil {
		return nil, err
	}
	return &keyservice.DecryptResponse{Plaintext: part}, nil
}
