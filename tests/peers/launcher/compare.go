package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// compare puts the same requests to two API servers, the real one and ours, and writes down where their answers differ: one
// difference on a line, so that the file shows what is gone and what is new.
//
// The file of requests has blocks with an empty line between them:
//
//	# what is tried
//	METHOD /path
//	Header: value          as many as there are
//	save NAME              remembers the answer: {NAME.uid}, {NAME.rv}, {NAME.continue}
//	as nobody              without the client's certificate or token
//	{"the": "body"}        the rest
//
// {x*100} stands for a hundred x.

type request struct {
	title, method, path, save string
	nobody                    bool
	header                    http.Header
	body                      string
}

func compare(ctx context.Context, requestsFile, output, theirKubeconfig, ourKubeconfig string) error {
	requests, err := readRequests(requestsFile)
	if err != nil {
		return err
	}
	theirs, err := ask(ctx, theirKubeconfig, requests)
	if err != nil {
		return err
	}
	ours, err := ask(ctx, ourKubeconfig, requests)
	if err != nil {
		return err
	}
	report := makeReport(requests, theirs, ours)
	if err := os.WriteFile(output, []byte(report.text()), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s\n", report.summary())
	return nil
}

func readRequests(path string) ([]request, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var requests []request
	for _, block := range regexp.MustCompile(`\n\s*\n`).Split(string(text), -1) {
		if !strings.HasPrefix(strings.TrimSpace(block), "# ") {
			continue // The file's introduction.
		}
		r := request{header: http.Header{}}
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for _, line := range lines {
			header := regexp.MustCompile(`^([A-Z][A-Za-z-]+): (.*)$`).FindStringSubmatch(line)
			switch {
			case strings.HasPrefix(line, "# "):
				r.title = line[2:]
			case r.method == "":
				r.method, r.path, _ = strings.Cut(line, " ")
			case header != nil:
				r.header.Set(header[1], header[2])
			case line == "as nobody":
				r.nobody = true
			case strings.HasPrefix(line, "save "):
				r.save = line[5:]
			default:
				r.body += line + "\n"
			}
		}
		if slices.ContainsFunc(requests, func(other request) bool { return other.title == r.title }) {
			return nil, fmt.Errorf("%s: two requests are called %q", path, r.title)
		}
		requests = append(requests, r)
	}
	return requests, nil
}

var (
	variable = regexp.MustCompile(`\{([a-z]+\.(?:uid|rv|continue))\}`)
	repeat   = regexp.MustCompile(`\{(.)\*([0-9]+)\}`)
)

// ask puts all requests to one server.
func ask(ctx context.Context, kubeconfig string, requests []request) ([]*answer, error) {
	client, err := readKubeconfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	saved := map[string]string{}
	fill := func(text string) string {
		text = variable.ReplaceAllStringFunc(text, func(match string) string { return saved[match[1:len(match)-1]] })
		return repeat.ReplaceAllStringFunc(text, func(match string) string {
			parts := repeat.FindStringSubmatch(match)
			count, _ := strconv.Atoi(parts[2])
			return strings.Repeat(parts[1], count)
		})
	}
	var answers []*answer
	for _, r := range requests {
		client := client
		if r.nobody {
			client = client.anonymous()
		}
		answer, err := client.do(ctx, r.method, fill(r.path), r.header, fill(r.body))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.title, err)
		}
		if r.save != "" {
			var object struct {
				Metadata struct{ UID, ResourceVersion, Continue string }
			}
			_ = json.Unmarshal(answer.body, &object) // What is not there is saved as nothing.
			saved[r.save+".uid"] = object.Metadata.UID
			saved[r.save+".rv"] = object.Metadata.ResourceVersion
			saved[r.save+".continue"] = object.Metadata.Continue
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

type report struct {
	asked, same int
	// One for each answer that a client would tell apart: code, reason, message, details of a Status.
	verdicts []string
	// Fields of objects: the difference, and what was tried where it showed.
	fields map[string][]string
}

func makeReport(requests []request, theirs, ours []*answer) *report {
	r := &report{asked: len(requests), fields: map[string][]string{}}
	for index, request := range requests {
		verdicts, fields := differences(theirs[index], ours[index])
		if len(verdicts)+len(fields) == 0 {
			r.same++
		}
		for _, verdict := range verdicts {
			r.verdicts = append(r.verdicts, request.title+": "+verdict)
		}
		for _, field := range fields {
			r.fields[field] = append(r.fields[field], request.title)
		}
	}
	return r
}

func differences(theirs, ours *answer) (verdicts, fields []string) {
	a, b := flatten(theirs.body), flatten(ours.body)
	if a, b := outcome(theirs, a), outcome(ours, b); a != b {
		return []string{a + "; ours: " + b}, nil
	}
	if a["kind"] != b["kind"] {
		return []string{fmt.Sprintf("kind %s, ours %s", a["kind"], b["kind"])}, nil
	}
	var paths []string
	for path := range a {
		paths = append(paths, path)
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	// What only one of two lists has is named once, by its summary.
	onlyOne := func(path string) bool {
		element := listElement.FindString(path)
		_, theirHas := a[element]
		_, ourHas := b[element]
		return element != "" && theirHas != ourHas
	}
	for _, path := range paths {
		theirValue, theirHas := a[path]
		ourValue, ourHas := b[path]
		if theirHas && ourHas && theirValue == ourValue || onlyOne(path) && !listElementOnly.MatchString(path) {
			continue
		}
		var text string
		switch {
		case theirHas && ourHas:
			text = fmt.Sprintf("`%s` is %s, ours %s", path, theirValue, ourValue)
		case theirHas:
			text = fmt.Sprintf("`%s` is %s, ours has none", path, theirValue)
		default:
			text = fmt.Sprintf("`%s`: none, ours is %s", path, ourValue)
		}
		if a["kind"] == `"Status"` {
			verdicts = append(verdicts, text)
		} else {
			fields = append(fields, listElement.ReplaceAllString(text, "$1[]"))
		}
	}
	return verdicts, slices.Compact(fields)
}

// outcome is what a client decides by: the code, the media type, and of a Status the reason and the message.
func outcome(answer *answer, flat map[string]string) string {
	parts := []string{strconv.Itoa(answer.status)}
	if flat["kind"] == `"Status"` && flat["status"] == `"Failure"` {
		parts = append(parts, strings.Trim(flat["reason"], `"`), flat["message"])
	}
	if media := mediaType(answer); media != "application/json" {
		parts = append(parts, "as "+media)
	}
	return strings.Join(parts, " ")
}

func mediaType(a *answer) string {
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return media
}

// flatten is the body as paths and values, without what is never the same twice. A body of several documents (a watch) is
// a list of them; one that is no JSON is one value.
func flatten(body []byte) map[string]string {
	var documents []any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		var document any
		err := decoder.Decode(&document)
		if err == io.EOF {
			break
		}
		if err != nil {
			return map[string]string{"text": cut(string(body))}
		}
		documents = append(documents, document)
	}
	flat := map[string]string{}
	if len(documents) == 1 && !isEvent(documents[0]) {
		flattenInto(flat, "", documents[0])
	} else {
		flattenInto(flat, "events", documents)
	}
	return flat
}

func isEvent(document any) bool {
	fields, _ := document.(map[string]any)
	return len(fields) == 2 && fields["type"] != nil && fields["object"] != nil
}

func flattenInto(flat map[string]string, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			flat[path] = "{}"
		}
		if _, generated := value["generateName"]; generated {
			value["name"] = "<generated>"
		}
		for name, inner := range value {
			if name == "managedFields" {
				inner = "<some>"
			}
			if name == "description" {
				inner = "<text for people>"
			}
			flattenInto(flat, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		if len(value) == 0 {
			flat[path] = "[]"
		}
		for index, inner := range value {
			element := fmt.Sprintf("%s[%d]", path, index)
			if name := nameOf(inner); name != "" {
				element = fmt.Sprintf("%s[%s]", path, name)
				flat[element] = "there"
			}
			flattenInto(flat, element, inner)
		}
	case string:
		text := volatile(path, value)
		quoted, _ := json.Marshal(text)
		// What encoding/json escapes for browsers is easier to read as it is.
		readable := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))
		flat[path] = cut(readable)
	default:
		flat[path] = fmt.Sprint(value)
	}
}

var (
	listElement     = regexp.MustCompile(`\b(items|events)\[[^\]]*\]`)
	listElementOnly = regexp.MustCompile(`^(items|events)\[[^\]]*\]$`)
)

// nameOf is how an element of a list is found in the other list: an object by its name, an event by type and name.
func nameOf(element any) string {
	object, _ := element.(map[string]any)
	kind, _ := object["type"].(string)
	if isEvent(element) {
		object, _ = object["object"].(map[string]any)
	}
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if _, generated := metadata["generateName"]; generated {
		name = "<generated>"
	}
	if kind != "" && metadata != nil {
		return strings.TrimSpace(kind + " " + name)
	}
	return name
}

var (
	uid       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timestamp = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z`)
	age       = regexp.MustCompile(`^[0-9]+(ms|s|m)$`)
	address   = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	generated = regexp.MustCompile(`(Random-)[a-z0-9]{5}`)
	versions  = regexp.MustCompile(`((?:resource version: |current: |precondition \(|record \(|resourceVersion\\?":\\?"))[0-9]{1,9}`)
)

func volatile(path, text string) string {
	if strings.HasSuffix(path, "resourceVersion") && text != "" && text != "0" {
		return "<version>"
	}
	if strings.HasSuffix(path, "metadata.continue") && text != "" {
		return "<token>"
	}
	text = uid.ReplaceAllString(text, "<uid>")
	text = age.ReplaceAllString(text, "<age>")
	text = address.ReplaceAllString(text, "<server>")
	text = generated.ReplaceAllString(text, "$1<suffix>")
	text = timestamp.ReplaceAllString(text, "<time>")
	return versions.ReplaceAllString(text, "$1<version>")
}

func cut(text string) string {
	const most = 600
	text = strings.ReplaceAll(text, "\n", " ")
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

func (r *report) summary() string {
	return fmt.Sprintf("%d requests: %d answered alike, %d differences in what is refused and how, %d in fields", r.asked, r.same,
		len(r.verdicts), len(r.fields))
}

func (r *report) text() string {
	var text strings.Builder
	text.WriteString(`# Where devcluster differs from kube-apiserver

Generated by tests/peers/compare from tests/peers/requests.txt: do not edit. It may only shrink: a line that is not in the
committed file is a regression, and a line that went away is committed.

## What is refused, and how

`)
	for _, verdict := range r.verdicts {
		text.WriteString("- " + verdict + "\n")
	}
	text.WriteString("\n## Fields of answers\n\nWith the first request that showed it.\n\n")
	var fields []string
	for field := range r.fields {
		fields = append(fields, field)
	}
	// By the number of answers would be nicer to read, but a new request would move lines.
	sort.Strings(fields)
	for _, field := range fields {
		fmt.Fprintf(&text, "- %s (%s)\n", field, r.fields[field][0])
	}
	return text.String()
}
