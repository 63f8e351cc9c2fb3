// What the stores of sops make of a text, for the tests of our own.
//
//	go run . FORMAT < STRINGS   reads JSON strings, one on a line, and prints a row for each
//
// A row is {"in", "error", "tree", "out"}: the tree that sops loads, and what it emits for that tree.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	"github.com/getsops/sops/v3/stores/yaml"
)

type store interface {
	LoadPlainFile(in []byte) (sops.TreeBranches, error)
	EmitPlainFile(in sops.TreeBranches) ([]byte, error)
}

type row struct {
	In    string        `json:"in"`
	Error string        `json:"error,omitempty"`
	Tree  []interface{} `json:"tree,omitempty"`
	Out   string        `json:"out,omitempty"`
	// Of emitting.
	OutError string `json:"out_error,omitempty"`
}

func main() {
	stores := map[string]store{
		"yaml":   yaml.NewStore(&config.YAMLStoreConfig{}),
		"ini":    ini.NewStore(&config.INIStoreConfig{}),
		"dotenv": dotenv.NewStore(&config.DotenvStoreConfig{}),
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var text string
		if err := decoder.Decode(&text); err != nil {
			return
		}
		encoder.Encode(dump(stores[os.Args[1]], text))
	}
}

func dump(store store, text string) (result row) {
	result.In = text
	defer func() {
		if problem := recover(); problem != nil {
			result.Error = fmt.Sprintf("panic: %v", problem)
		}
	}()
	branches, err := store.LoadPlainFile([]byte(text))
	if err != nil {
		result.Error = err.Error()
		return
	}
	for _, branch := range branches {
		result.Tree = append(result.Tree, value(branch))
	}
	bytes, err := store.EmitPlainFile(branches)
	if err != nil {
		result.OutError = err.Error()
		return
	}
	result.Out = string(bytes)
	return
}

// value writes maps as lists of items, so that order and comments are seen: {"k", "v"} or {"#"} or {"#inline"}.
func value(from interface{}) interface{} {
	switch from := from.(type) {
	case sops.TreeBranch:
		items := []interface{}{}
		for _, item := range from {
			if comment, ok := item.Key.(sops.Comment); ok {
				items = append(items, value(comment))
				continue
			}
			key := item.Key
			if _, ok := key.(string); !ok {
				key = fmt.Sprintf("(%T)", key)
			}
			items = append(items, map[string]interface{}{"k": key, "v": value(item.Value)})
		}
		return map[string]interface{}{"map": items}
	case []interface{}:
		items := []interface{}{}
		for _, item := range from {
			items = append(items, value(item))
		}
		return items
	case sops.Comment:
		if from.Inline {
			return map[string]interface{}{"#inline": from.Value}
		}
		return map[string]interface{}{"#": from.Value}
	case nil:
		return nil
	case string:
		return from
	case time.Time:
		return map[string]interface{}{"time": from.Format(time.RFC3339Nano)}
	case float64:
		return map[string]interface{}{"float": strconv.FormatFloat(from, 'g', -1, 64)}
	default:
		return map[string]interface{}{fmt.Sprintf("%T", from): fmt.Sprint(from)}
	}
}
