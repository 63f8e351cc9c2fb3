package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"strings"
)

// Texts that are hard to write.
var texts = []string{
	"", "a", "yes", "No", "on", "y", "n", "true", "False", "null", "~", "123", "0x1F", "0b1", "0o14", "014", "1_000", "1e3", ".5", "1.", "+1", "-0",
	".inf", "-.INF", ".nan", "2024-01-01", "2024-01-01T00:00:00Z", "2024-1-2 3:4:5", "1:30", "1:30:00.5", "190:20:30", "=", "<<", "-", "- a", "-a",
	"--- a", "---", "...", "..", "?", "? a", "?a", ":", ": a", ":a", "a: b", "a:b", "a:", "a :b", "#", "#x", "a #b", "a#b", "'", "\"", "it's", "\\", "a\\b",
	"!x", "!", "&a", "*a", "%a", "@a", "`a", "|", ">", "[a", "a]", "{a", "a}", ",a", "a,b", " lead", "trail ", " ", "  ", "\t", "a\tb", "\ta", "a\t",
	"\n", "\n\n", "a\n", "a\n\n", "\na", "\n\na\n", "a\nb", "a\nb\n", "a\n\nb\n\n\n", " a\nb", "  a\n b\n", "a\n  b", "a \nb", "a\nb ", "a\n \nb", "a\n\tb",
	"# x\ny", "- a\n- b\n", "a: b\nc: d\n", "---\na\n", "...\n", "\r", "a\rb", "a\r\nb\r\n", "\u0000", "a\u0007b", "\u001b[0m", "\u007f", "\u0085", "a\u0085b", "\u00a0",
	"\u2028", "a\u2028b", "a\u2028 b", "a \u2029b", "\u2028a", "a\u2028b\nc", "a'\u2028'b", "\ufeff", "\ufeffab\n", "a\ufeffb", "\ufffd", "\ufffe", "é", "日本語\nb", "😀", "a😀\nb", "\ue000",
	strings.Repeat("word ", 40) + "end", strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("é", 64), strings.Repeat("é", 65), strings.Repeat("long line ", 30) + "\nshort\n",
	"ENC[AES256_GCM,data:abc=,iv:d+/=,tag:e==,type:str]", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n",
}

var comments = []string{" note", "", "tight", "# twice", " a: b", "  deep", "\tx", " é😀", " two\nlines", "ENC[AES256_GCM,data:x,iv:y,tag:z,type:comment]", " trailing "}

var binaries = []string{"\xff", "\xff\xfe\n", "a\x80", strings.Repeat("\xf0", 51), strings.Repeat("\xf0", 52), strings.Repeat("\xf0", 53), strings.Repeat("\x80", 200)}

var others = []interface{}{
	object{"i": "1"}, object{"i": "-9223372036854775808"}, object{"i": "0"}, object{"f": "1.5"}, object{"f": "-0"}, object{"f": "1e100"}, object{"f": "1.5e10"}, object{"f": "123456.5"},
	object{"f": "1234567.25"}, object{"f": "0.0001"}, object{"f": "0.00001"}, object{"f": "123456789.12345679"}, object{"f": "Inf"}, object{"f": "-Inf"}, object{"f": "NaN"}, object{"f": "21"}, object{"f": "1e20"},
	object{"bool": true}, object{"bool": false}, nil, object{"time": "2024-01-02T00:00:00Z"}, object{"time": "2024-01-02T03:04:05.5+02:00"},
}

type object = map[string]interface{}

type list = []interface{}

// generate prints requests: first every text as a value, as a key, in a list and in a nested list, at two indentations; then random trees.
func generate(out io.Writer, seed int64, trees int) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	put := func(request object) { check(encoder.Encode(request)) }
	if seed == 0 {
		for _, indent := range []int{4, 2} {
			for _, text := range texts {
				t := object{"t": text}
				deep := object{"m": list{list{t, object{"l": list{object{"l": list{t, t}}, object{"m": list{list{t, t}}}}}}}}
				put(object{"indent": indent, "documents": list{list{list{t, t}, list{object{"t": "k"}, object{"l": list{t, t}}}, list{object{"t": "d"}, deep}}}})
			}
		}
		for _, text := range texts {
			put(object{"value": object{"t": text}})
		}
		for _, binary := range binaries {
			b := object{"b": []byte(binary)}
			put(object{"indent": 4, "documents": list{list{list{object{"t": "k"}, b}, list{object{"t": "l"}, object{"l": list{b, b}}}}}})
		}
		for _, other := range others {
			put(object{"value": other})
			put(object{"indent": 3, "documents": list{list{list{object{"t": "k"}, other}, list{object{"t": "l"}, object{"l": list{other, object{"l": list{other}}}}}}}})
		}
	}
	random := rand.New(rand.NewSource(seed))
	for count := 0; count < trees; count++ {
		// Half of them have simple texts, so that what comments do is not hidden.
		plain := random.Intn(2) == 0
		var documents list
		for more := true; more; more = random.Intn(6) == 0 {
			documents = append(documents, tree(random, 3, plain))
		}
		put(object{"indent": 1 + random.Intn(10), "documents": documents})
		if random.Intn(10) == 0 {
			put(object{"value": node(random, 3, plain)})
		}
	}
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.Intn(len(from))] }

func note(random *rand.Rand) object {
	return object{"c": pick(random, comments), "inline": random.Intn(3) == 0}
}

func text(random *rand.Rand, plain bool) string {
	if plain || random.Intn(2) == 0 {
		return fmt.Sprintf("k%d", random.Intn(100))
	}
	return pick(random, texts)
}

func tree(random *rand.Rand, depth int, plain bool) list {
	items := list{}
	for random.Intn(4) > 0 {
		if random.Intn(3) == 0 {
			items = append(items, note(random))
			continue
		}
		var key interface{} = object{"t": text(random, plain)}
		if random.Intn(30) == 0 {
			key = pick(random, list{object{"i": "7"}, object{"bool": true}, nil})
		}
		items = append(items, list{key, node(random, depth, plain)})
	}
	return items
}

func node(random *rand.Rand, depth int, plain bool) interface{} {
	kind := random.Intn(8)
	switch {
	case depth > 0 && kind < 2:
		return object{"m": tree(random, depth-1, plain)}
	case depth > 0 && kind < 4:
		items := list{}
		for random.Intn(4) > 0 {
			if random.Intn(3) == 0 {
				items = append(items, note(random))
			} else {
				items = append(items, node(random, depth-1, plain))
			}
		}
		return object{"l": items}
	case kind == 4:
		return pick(random, others)
	case kind == 5 && !plain && random.Intn(3) == 0:
		return object{"b": []byte(pick(random, binaries))}
	case kind == 5 && random.Intn(20) == 0:
		return object{"c": pick(random, comments), "inline": true}
	}
	return object{"t": text(random, plain)}
}
