// goyaml-write prints what sops' YAML store makes of trees.
//
//	goyaml-write generate SEED TREES | goyaml-write
//
// The first makes cases, seed 0 the table of hard texts too. The second reads one case for each line of standard input and writes the
// same case with the answer, as JSON:
//
//	{"indent":4,"documents":[MAP,…]}   ->  {…,"out":"…"} or {…,"error":"…"}
//	{"value":VALUE}                    ->  the same for one value
//	{"indent":4,"yaml":"…"}            ->  go-yaml's nodes of that text, encoded again
//
// MAP is a list of [KEY, VALUE] and comments {"c":"text","inline":true}. KEY and VALUE are one of
// {"t":"text"} {"b":"base64 of bytes"} {"i":"1"} {"f":"1.5"} {"bool":true} {"time":"RFC 3339"} {"m":MAP} {"l":[VALUE,…]} null,
// and a comment.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/config"
	store "github.com/getsops/sops/v3/stores/yaml"
	"go.yaml.in/yaml/v3"
)

type comment struct {
	Text   *string `json:"c"`
	Inline bool    `json:"inline"`
}

type scalar struct {
	comment
	Str   *string           `json:"t"`
	Bytes *string           `json:"b"`
	Int   *string           `json:"i"`
	Float *string           `json:"f"`
	Bool  *bool             `json:"bool"`
	Time  *string           `json:"time"`
	Map   []json.RawMessage `json:"m"`
	List  []json.RawMessage `json:"l"`
}

type request struct {
	Indent    int                 `json:"indent"`
	Documents [][]json.RawMessage `json:"documents"`
	Value     json.RawMessage     `json:"value"`
	YAML      *string             `json:"yaml"`
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "generate" {
		seed, err := strconv.ParseInt(os.Args[2], 10, 64)
		check(err)
		trees, err := strconv.Atoi(os.Args[3])
		check(err)
		generate(os.Stdout, seed, trees)
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		answer := bytes.TrimSuffix(bytes.TrimSpace(lines.Bytes()), []byte("}"))
		text, err := safely(lines.Bytes())
		out.Write(answer)
		if err != nil {
			fmt.Fprintf(out, ",\"error\":%s}\n", quote(err.Error()))
		} else {
			fmt.Fprintf(out, ",\"out\":%s}\n", quote(string(text)))
		}
	}
	check(lines.Err())
}

func quote(text string) []byte {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(text))
	return bytes.TrimSpace(quoted.Bytes())
}

func safely(line []byte) (text []byte, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	return answer(line)
}

func answer(line []byte) ([]byte, error) {
	var asked request
	check(json.Unmarshal(line, &asked))
	yamlStore := store.NewStore(&config.YAMLStoreConfig{Indent: asked.Indent})
	switch {
	case asked.YAML != nil:
		return again(*asked.YAML, asked.Indent)
	case asked.Value != nil:
		return yamlStore.EmitValue(value(asked.Value))
	}
	var branches sops.TreeBranches
	for _, document := range asked.Documents {
		branches = append(branches, branch(document))
	}
	return yamlStore.EmitPlainFile(branches)
}

func branch(items []json.RawMessage) sops.TreeBranch {
	result := sops.TreeBranch{}
	for _, item := range items {
		if item[0] == '{' {
			result = append(result, sops.TreeItem{Key: value(item)})
			continue
		}
		var pair []json.RawMessage
		check(json.Unmarshal(item, &pair))
		result = append(result, sops.TreeItem{Key: value(pair[0]), Value: value(pair[1])})
	}
	return result
}

func value(raw json.RawMessage) interface{} {
	var is scalar
	check(json.Unmarshal(raw, &is))
	switch {
	case is.Text != nil:
		return sops.Comment{Value: *is.Text, Inline: is.Inline}
	case is.Str != nil:
		return *is.Str
	case is.Bytes != nil:
		decoded, err := base64.StdEncoding.DecodeString(*is.Bytes)
		check(err)
		return string(decoded)
	case is.Int != nil:
		number, err := strconv.Atoi(*is.Int)
		check(err)
		return number
	case is.Float != nil:
		number, err := strconv.ParseFloat(*is.Float, 64)
		check(err)
		return number
	case is.Bool != nil:
		return *is.Bool
	case is.Time != nil:
		when, err := time.Parse(time.RFC3339Nano, *is.Time)
		check(err)
		return when
	case is.Map != nil:
		return branch(is.Map)
	case is.List != nil:
		list := []interface{}{}
		for _, item := range is.List {
			list = append(list, value(item))
		}
		return list
	}
	return nil
}

func again(text string, indent int) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indent)
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := encoder.Encode(&node); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), encoder.Close()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
