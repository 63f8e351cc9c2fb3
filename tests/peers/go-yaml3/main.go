// What go-yaml v3 makes of a text, for the tests of our own reader.
//
//	go run . dump          reads JSON strings, one on a line, and prints a row for each
//	go run . generate SEED N  makes up N documents, and prints a row for each
//
// A row is {"in", "docs", "error"}: the documents that were read before the error, if there was one. Only
// what a reader of sops files can see is in it: comments, styles, written tags, anchors, lines, columns, and
// the typed value of each scalar.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

type row struct {
	In   string `json:"in"`
	Docs []node `json:"docs"`
	// Of the node reader.
	Error string `json:"error,omitempty"`
	// Of decoding the first document into a map, which sops does first.
	Map string `json:"map,omitempty"`
}

type node struct {
	Kind    string `json:"k"`
	Style   string `json:"style,omitempty"`
	Tag     string `json:"tag,omitempty"`
	Anchor  string `json:"anchor,omitempty"`
	Value   string `json:"v,omitempty"`
	Typed   string `json:"typed,omitempty"`
	Head    string `json:"head,omitempty"`
	Line    string `json:"line,omitempty"`
	Foot    string `json:"foot,omitempty"`
	At      string `json:"at,omitempty"`
	Content []node `json:"c,omitempty"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if len(os.Args) > 3 && os.Args[1] == "generate" {
		seed, _ := strconv.ParseInt(os.Args[2], 10, 64)
		count, _ := strconv.Atoi(os.Args[3])
		random := rand.New(rand.NewSource(seed))
		for range count {
			encoder.Encode(dump(generate(random)))
		}
		return
	}
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var text string
		if err := decoder.Decode(&text); err != nil {
			return
		}
		encoder.Encode(dump(text))
	}
}

func dump(text string) (result row) {
	result.In = text
	defer func() {
		if problem := recover(); problem != nil {
			result.Error = fmt.Sprintf("panic: %v", problem)
		}
	}()
	if err := yaml.NewDecoder(bytes.NewReader([]byte(text))).Decode(make(map[string]interface{})); err != nil {
		result.Map = err.Error()
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if err == io.EOF {
			return
		}
		if err != nil {
			result.Error = err.Error()
			return
		}
		// A node that contains itself is an error at its alias here, because sops would never come to an end.
		var value interface{}
		if err := document.Decode(&value); err != nil && strings.Contains(err.Error(), "contains itself") {
			result.Error = err.Error()
			return
		}
		result.Docs = append(result.Docs, of(&document))
	}
}

func of(from *yaml.Node) node {
	to := node{
		Kind:   map[yaml.Kind]string{yaml.DocumentNode: "doc", yaml.SequenceNode: "seq", yaml.MappingNode: "map", yaml.ScalarNode: "str", yaml.AliasNode: "alias"}[from.Kind],
		Anchor: from.Anchor,
		Value:  from.Value,
		Head:   from.HeadComment,
		Line:   from.LineComment,
		Foot:   from.FootComment,
		At:     fmt.Sprintf("%d:%d", from.Line, from.Column),
	}
	for style, name := range map[yaml.Style]string{yaml.DoubleQuotedStyle: `"`, yaml.SingleQuotedStyle: "'", yaml.LiteralStyle: "|", yaml.FoldedStyle: ">", yaml.FlowStyle: "flow"} {
		if from.Style&style != 0 {
			to.Style = name
		}
	}
	if from.Style&yaml.TaggedStyle != 0 {
		to.Tag = from.Tag
	}
	if from.Kind == yaml.ScalarNode {
		to.Typed = typed(from)
	}
	for _, child := range from.Content {
		to.Content = append(to.Content, of(child))
	}
	return to
}

// typed is empty for text that is its own value.
func typed(from *yaml.Node) string {
	var value interface{}
	if err := from.Decode(&value); err != nil {
		return "error"
	}
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		if value == from.Value {
			return ""
		}
		return fmt.Sprintf("bytes %x", value)
	case time.Time:
		return "time " + value.Format(time.RFC3339Nano)
	case float64:
		return "float " + strconv.FormatFloat(value, 'g', -1, 64)
	default:
		return fmt.Sprintf("%T %v", value, value)
	}
}
