// Command sops-helper is the real sops as a library behind a pipe: one request in JSON on each line of standard input, one answer
// on each line of standard output. tests/sops puts thousands of documents to it, for which processes would be too dear.
//
// It does what the commands of sops do between reading a file and printing a result, with sops' own packages, and nothing of its
// own: stores, selectors, cipher, MAC, Shamir. The one thing that it brings is a key service that wraps the data key in nothing
// (service.go), because public-key cryptography would be most of the time. It answers first; sops' local key service
// comes after it, and finds identities as sops does.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/logging"
	"github.com/getsops/sops/v3/version"
	"github.com/sirupsen/logrus"
)

// request is one line. Bytes are base64, as encoding/json has them.
type request struct {
	// "plain", "encrypt", "decrypt", "extract", "set", "unset", "version"
	Op string
	// What Text is in, and what the answer is to be in: yaml, json, dotenv, ini, binary.
	Format, Out string
	Text        []byte
	// encrypted_regex and so on; empty: none, which is not the default of the command line.
	Selector, Pattern string
	MacOnly           bool
	// Recipients; more than one group: Shamir.
	Groups    [][]string
	Threshold int
	// 0, and nothing: the store's own.
	YamlIndent int
	JsonIndent *int
	// For extract, set and unset: a text for each key, a number for each index.
	Path []any
	// For set: JSON.
	Value string
}

// answer is what came of it.
type answer struct {
	Text []byte `json:",omitempty"`
	// Where it failed ("load", "encrypt", "key", "decrypt", "mac", "emit"), and sops' words.
	Stage, Error string `json:",omitempty"`
}

// failure is an error with its stage.
type failure struct {
	stage string
	err   error
}

func (f failure) Error() string { return f.err.Error() }

func main() {
	logging.SetLevel(logrus.PanicLevel)
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	answers := json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		var asked request
		if err == nil {
			err = json.Unmarshal(line, &asked)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "sops-helper:", err)
			os.Exit(1)
		}
		if err := errors.Join(answers.Encode(respond(&asked)), out.Flush()); err != nil {
			os.Exit(1)
		}
	}
}

// respond never fails: a panic of sops is an answer.
func respond(asked *request) (result answer) {
	defer func() {
		if reason := recover(); reason != nil {
			result = answer{Stage: "panic", Error: fmt.Sprint(reason)}
		}
	}()
	text, err := perform(asked)
	var failed failure
	switch {
	case errors.As(err, &failed):
		return answer{Stage: failed.stage, Error: failed.Error()}
	case err != nil:
		return answer{Stage: "request", Error: err.Error()}
	}
	return answer{Text: text}
}

func perform(asked *request) ([]byte, error) {
	from, to := asked.stores()
	switch asked.Op {
	case "version":
		return []byte(version.Version), nil
	case "plain":
		branches, err := from.LoadPlainFile(asked.Text)
		if err != nil {
			return nil, failure{"load", err}
		}
		return emitted(to.EmitPlainFile(branches))
	case "encrypt":
		return encrypt(asked, from, to)
	case "decrypt":
		tree, _, err := open(from, asked.Text)
		if err != nil {
			return nil, err
		}
		return emitted(to.EmitPlainFile(tree.Branches))
	case "extract":
		return extract(asked, from, to)
	case "set", "unset":
		return change(asked, from, to)
	}
	return nil, fmt.Errorf("no such request: %q", asked.Op)
}

func (asked *request) stores() (from, to common.Store) {
	settings := config.NewStoresConfig()
	settings.YAML.Indent = asked.YamlIndent
	if asked.JsonIndent != nil {
		settings.JSON.Indent = *asked.JsonIndent
		settings.JSONBinary.Indent = *asked.JsonIndent
	}
	out := asked.Out
	if out == "" {
		out = asked.Format
	}
	return common.StoreForFormat(formats.FormatFromString(asked.Format), settings),
		common.StoreForFormat(formats.FormatFromString(out), settings)
}

func services() []keyservice.KeyServiceClient {
	return []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(openWrapper{}), keyservice.NewLocalClient()}
}

func encrypt(asked *request, from, to common.Store) ([]byte, error) {
	branches, err := from.LoadPlainFile(asked.Text)
	if err != nil {
		return nil, failure{"load", err}
	}
	if len(branches) == 0 || to.HasSopsTopLevelKey(branches[0]) {
		return nil, failure{"encrypt", errors.New("nothing to encrypt, or encrypted already")}
	}
	metadata := sops.Metadata{Version: version.Version, MACOnlyEncrypted: asked.MacOnly, ShamirThreshold: asked.Threshold}
	selectors := map[string]*string{
		"unencrypted_suffix":        &metadata.UnencryptedSuffix,
		"encrypted_suffix":          &metadata.EncryptedSuffix,
		"unencrypted_regex":         &metadata.UnencryptedRegex,
		"encrypted_regex":           &metadata.EncryptedRegex,
		"unencrypted_comment_regex": &metadata.UnencryptedCommentRegex,
		"encrypted_comment_regex":   &metadata.EncryptedCommentRegex,
	}
	if field, ok := selectors[asked.Selector]; ok {
		*field = asked.Pattern
	}
	for _, recipients := range asked.Groups {
		var group sops.KeyGroup
		for _, recipient := range recipients {
			group = append(group, &age.MasterKey{Recipient: recipient})
		}
		metadata.KeyGroups = append(metadata.KeyGroups, group)
	}
	tree := sops.Tree{Branches: branches, Metadata: metadata}
	key, errs := tree.GenerateDataKeyWithKeyServices(services())
	if len(errs) > 0 {
		return nil, failure{"key", errors.Join(errs...)}
	}
	return seal(&tree, key, aes.NewCipher(), to)
}

func seal(tree *sops.Tree, key []byte, cipher sops.Cipher, to common.Store) ([]byte, error) {
	err := common.EncryptTree(common.EncryptTreeOpts{Tree: tree, Cipher: cipher, DataKey: key})
	if err != nil {
		return nil, failure{"encrypt", err}
	}
	return emitted(to.EmitEncryptedFile(*tree))
}

// open decrypts a file and compares its MAC, as `sops decrypt` does. The cipher remembers the nonces.
func open(from common.Store, text []byte) (*sops.Tree, sops.Cipher, error) {
	tree, err := from.LoadEncryptedFile(text)
	if err != nil {
		return nil, nil, failure{"load", err}
	}
	key, err := tree.Metadata.GetDataKeyWithKeyServices(services(), sops.DefaultDecryptionOrder)
	if err != nil {
		return nil, nil, failure{"key", err}
	}
	cipher := aes.NewCipher()
	mac, err := tree.Decrypt(key, cipher)
	if err != nil {
		return nil, nil, failure{"decrypt", err}
	}
	stored, err := cipher.Decrypt(tree.Metadata.MessageAuthenticationCode, key, tree.Metadata.LastModified.Format(time.RFC3339))
	if err != nil || stored != mac {
		return nil, nil, failure{"mac", fmt.Errorf("the file has %v, computed %s: %v", stored, mac, err)}
	}
	return &tree, cipher, nil
}

func extract(asked *request, from, to common.Store) ([]byte, error) {
	tree, _, err := open(from, asked.Text)
	if err != nil {
		return nil, err
	}
	value, err := tree.Branches[0].Truncate(path(asked))
	if err != nil {
		return nil, failure{"path", err}
	}
	switch value := value.(type) {
	case sops.TreeBranch:
		tree.Branches[0] = value
		return emitted(to.EmitPlainFile(tree.Branches))
	case string:
		return []byte(value), nil
	}
	return emitted(to.EmitValue(value))
}

// change is `sops set` and `sops unset`; the value is read as they read it.
func change(asked *request, from, to common.Store) ([]byte, error) {
	tree, cipher, err := open(from, asked.Text)
	if err != nil {
		return nil, err
	}
	if asked.Op == "unset" {
		tree.Branches[0], err = tree.Branches[0].Unset(path(asked))
		if err != nil {
			return nil, failure{"path", err}
		}
	} else {
		var value any
		if err := json.Unmarshal([]byte(asked.Value), &value); err != nil {
			return nil, failure{"value", err}
		}
		if _, ok := value.(map[string]any); ok {
			store := common.StoreForFormat(formats.Json, config.NewStoresConfig())
			branches, err := store.LoadPlainFile([]byte(asked.Value))
			if err != nil {
				return nil, failure{"value", err}
			}
			value = branches[0]
		}
		tree.Branches[0], _ = tree.Branches[0].Set(path(asked), value)
	}
	return seal(tree, tree.Metadata.DataKey, cipher, to)
}

// path has integers where JSON has numbers.
func path(asked *request) []any {
	var result []any
	for _, component := range asked.Path {
		if number, ok := component.(float64); ok {
			component = int(number)
		}
		result = append(result, component)
	}
	return result
}

func emitted(text []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, failure{"emit", err}
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}
