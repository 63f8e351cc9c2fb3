// Command generate writes the YAML vector files of this folder's parent: what the Go libraries under kubectl and
// kubeseal read and write. Run it in this folder:
//
//	go run . ..
//
// It takes no other input; its pseudo-random cases come from a fixed seed.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . <output folder>")
		os.Exit(2)
	}
	write("scalars.jsonl", "one scalar as YAML, as JSON (YAMLToJSON), and as a Go string field receives it", scalarRows())
	write("documents.jsonl", "a stream, and its documents by NewYAMLOrJSONDecoder (null ones left out)", documentRows())
	write("writer.jsonl", "a JSON value, and what yaml.Marshal and json.MarshalIndent write", writerRows())
}

func write(name, what string, rows []any) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s\n# origin: %s; command: go run . .. (in generate)\n", what, versions())
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			panic(err)
		}
	}
	if err := os.WriteFile(filepath.Join(os.Args[1], name), out.Bytes(), 0o644); err != nil {
		panic(err)
	}
	fmt.Printf("%s: %d rows\n", name, len(rows))
}

func versions() string {
	info, _ := debug.ReadBuildInfo()
	list := []string{info.GoVersion}
	for _, dep := range info.Deps {
		if strings.Contains(dep.Path, "yaml") || strings.Contains(dep.Path, "apimachinery") {
			list = append(list, dep.Path+" "+dep.Version)
		}
	}
	return strings.Join(list, ", ")
}

type scalarRow struct {
	YAML     string  `json:"yaml"`
	JSON     *string `json:"json"`
	GoString *string `json:"goString"`
	Error    string  `json:"error,omitempty"`
}

func scalarRows() []any {
	var rows []any
	seen := map[string]bool{}
	for _, text := range scalarDocuments() {
		if seen[text] {
			continue
		}
		seen[text] = true
		row := scalarRow{YAML: text}
		document := asKubernetesReads(text)
		converted, err := guard(func() ([]byte, error) { return yaml.YAMLToJSON(document) })
		if err == nil {
			s := string(converted)
			row.JSON = &s
		} else {
			row.Error = err.Error()
		}
		target := map[string]string{}
		_, err = guard(func() ([]byte, error) { return nil, yaml.Unmarshal(document, &target) })
		if value, ok := target["k"]; err == nil && ok {
			row.GoString = &value
		}
		rows = append(rows, row)
	}
	return rows
}

// asKubernetesReads passes a text through the line reader that stands before every YAML decoder of Kubernetes: CRLF
// becomes LF, and the last line is ended if it is not.
func asKubernetesReads(text string) []byte {
	document, err := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))).Read()
	if err != nil {
		panic(err)
	}
	return document
}

type documentRow struct {
	Name      string   `json:"name"`
	Stream    string   `json:"stream"`
	Documents []string `json:"documents"`
	Error     string   `json:"error,omitempty"`
}

func documentRows() []any {
	var rows []any
	for _, c := range documentCases {
		row := documentRow{Name: c.name, Stream: c.stream, Documents: []string{}}
		decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(c.stream), 4096)
		for {
			var raw json.RawMessage
			_, err := guard(func() ([]byte, error) { return nil, decoder.Decode(&raw) })
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				row.Error = err.Error()
				break
			}
			if len(raw) > 0 && string(raw) != "null" {
				row.Documents = append(row.Documents, normal(raw))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// normal writes JSON with sorted keys and without odd escapes; JSON input reaches the raw message as it stands.
func normal(raw json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type writerRow struct {
	Value json.RawMessage `json:"value"`
	YAML  *string         `json:"yaml"`
	JSON  string          `json:"json"`
	Error string          `json:"error,omitempty"`
}

func writerRows() []any {
	var rows []any
	for _, value := range writerValues() {
		source, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		row := writerRow{Value: source}
		indented, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			panic(err)
		}
		row.JSON = string(indented)
		text, err := guard(func() ([]byte, error) { return yaml.Marshal(value) })
		if !stable(value, text) {
			continue
		}
		if err == nil {
			s := string(text)
			row.YAML = &s
		} else {
			row.Error = err.Error()
		}
		rows = append(rows, row)
	}
	return rows
}

// stable tells whether yaml.Marshal always writes this text. go-yaml's order of keys is not transitive ("2ba" < "19." <
// "10" < "2ba"), so for some maps the result depends on Go's random map iteration.
func stable(value any, text []byte) bool {
	for range 30 {
		if again, err := yaml.Marshal(value); err == nil && !bytes.Equal(again, text) {
			return false
		}
	}
	return true
}

// guard turns a panic of the library into an error: go-yaml has some.
func guard(work func() ([]byte, error)) (result []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return work()
}

var random = rand.New(rand.NewSource(20240101))

func randomText(alphabet []string, length int) string {
	var text strings.Builder
	for range length {
		text.WriteString(alphabet[random.Intn(len(alphabet))])
	}
	return text.String()
}
