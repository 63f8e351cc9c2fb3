// Renders the templates of corpus.txt and corpus.go with the real text/template and sprig, and writes what came out.
//
//	go run . > ../vectors.jsonl
//
// Each line is a template, and its output or its error. Text that is not UTF-8 is in base64.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"text/template"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

type vector struct {
	Template  string  `json:"template"`
	Output    *string `json:"output,omitempty"`
	Base64    *string `json:"base64,omitempty"`
	Position  string  `json:"position,omitempty"`
	Function  string  `json:"function,omitempty"`
	Parse     string  `json:"parse,omitempty"`
	Execution string  `json:"execution,omitempty"`
}

// The decrypted items of the imagined SealedSecret.
var context = map[string]string{
	"user":     "alice",
	"pass":     "p@ss w0rd/\"'<&>",
	"number":   "42",
	"negative": "-7",
	"float":    "3.75",
	"empty":    "",
	"multi":    "one\ntwo\nthree\n",
	"unicode":  "Ünïcödé 世界 ǆ ß",
	"binary":   "\xff\x00\xfe\xe4\xb8a",
	"json":     `{"name":"x","list":[1,2.5,"three",null,true],"nested":{"a":{"b":"deep"}},"html":"<a>&"}`,
	"csv":      "b,a,c,a",
	"spaces":   "  a b\t c  ",
	"url":      "https://user:pa%20ss@example.com:8443/a/b%2Fc?q=1&r=2#frag",
	"a-b":      "dashed",
	"version":  "1.2.3-beta.1+build.5",
}

var execution = regexp.MustCompile(`(?s)^template: t:(\d+:\d+): executing "[^"]*" at <.*?>: (?:error calling (\w+): )?`)

func main() {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	fmt.Println("# templates named t, and what text/template makes of them; first the items of the context, in base64")
	fmt.Printf("# origin: %s text/template, github.com/Masterminds/sprig/v3 v3.3.0; command: TZ=UTC go run . > ../vectors.jsonl (in generate)\n", runtime.Version())
	if err := out.Encode(encoded(context)); err != nil {
		panic(err)
	}
	seen := map[string]bool{}
	for _, text := range corpus() {
		if seen[text] {
			continue
		}
		seen[text] = true
		result := vector{Template: text}
		parsed, err := template.New("t").Funcs(functions).Parse(text)
		if err != nil {
			result.Parse = err.Error()
		} else {
			// The template's own text is in its context, as in the controller.
			data := map[string]string{"t": text}
			for key, value := range context {
				data[key] = value
			}
			var buffer bytes.Buffer
			if err := parsed.Execute(&buffer, data); err != nil {
				result.Execution = err.Error()
				if found := execution.FindStringSubmatch(err.Error()); found != nil {
					result.Position, result.Function = found[1], found[2]
				}
			} else if text := buffer.String(); utf8.ValidString(text) {
				result.Output = &text
			} else {
				text := base64.StdEncoding.EncodeToString(buffer.Bytes())
				result.Base64 = &text
			}
		}
		if err := out.Encode(result); err != nil {
			panic(err)
		}
	}
}

func encoded(values map[string]string) map[string]string {
	all := map[string]string{}
	for key, value := range values {
		all[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return all
}
