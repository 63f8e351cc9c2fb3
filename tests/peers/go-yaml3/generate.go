package main

import (
	"math/rand"
	"strconv"
	"strings"
)

// writer makes up a document that is nearly always YAML, with comments and empty lines wherever a line ends.
type writer struct {
	*rand.Rand
	strings.Builder
	comments int
	keys     int
	aliases  bool
	crlf     bool
	// How often there is a comment, in percent.
	density int
}

func generate(random *rand.Rand) string {
	w := &writer{Rand: random, crlf: random.Intn(25) == 0, density: []int{0, 5, 15, 30, 60}[random.Intn(5)]}
	if w.aliases = w.one(2); w.aliases {
		w.WriteString("x0: &x 1\ny0: &y [1, 2]\nz0: &z {a: 1}\n")
	}
	for range 1 + max(0, random.Intn(8)-5) {
		if w.Len() > 0 || w.one(8) {
			w.WriteString(w.pick("---", "---", "---", "--- ", "...\n---", "---\n# x"))
			w.end(0)
		}
		w.lines(0)
		w.mapping(0, 0)
		w.lines(w.Intn(3))
	}
	text := w.String()
	if w.one(10) {
		text = strings.TrimRight(text, "\n")
	}
	if w.one(12) {
		text = w.damage(text)
	}
	if w.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

func (w *writer) one(of int) bool { return w.Intn(of) == 0 }

func (w *writer) pick(from ...string) string { return from[w.Intn(len(from))] }

func (w *writer) pad(columns int) { w.WriteString(strings.Repeat(" ", columns)) }

func (w *writer) comment() string {
	w.comments++
	return w.pick("# ", "#", "#  ", "# ", "## ") + string(rune('a'+w.comments%26)) + w.pick("", "", " b", " # x", ": y", " ", "é")
}

// end of a line: perhaps a comment, perhaps lines of comments below.
func (w *writer) end(column int) {
	if w.Intn(100) < w.density {
		w.WriteString(w.pick(" ", " ", "  ", "\t") + w.comment())
	} else if w.one(20) {
		w.WriteString(" ")
	}
	w.WriteString("\n")
	w.lines(column)
}

// lines of comments and empty lines, mostly at this column.
func (w *writer) lines(column int) {
	for w.Intn(100) < w.density || w.one(15) {
		switch w.Intn(8) {
		case 0, 1:
			w.WriteString("\n")
		case 2:
			w.pad(w.Intn(column + 3))
			w.WriteString(w.comment() + "\n")
		case 3:
			w.pad(w.Intn(6))
			w.WriteString("\n")
		default:
			w.pad(column)
			w.WriteString(w.comment() + "\n")
		}
	}
}

func (w *writer) key() string {
	w.keys++
	if w.one(3) {
		return w.pick(`"g"`, "'h i'", "1", "true", "<<", "~", "&m n", "!t o", `"p`+strconv.Itoa(w.keys)+`"`)
	}
	return w.pick("a", "b", "c", "dd", "e-f", "j k", "&m n", "é") + strconv.Itoa(w.keys)
}

func (w *writer) mapping(column, depth int) {
	for range 1 + w.Intn(4) {
		w.pad(column)
		w.entry(column, depth)
	}
}

func (w *writer) entry(column, depth int) {
	if w.one(40) {
		w.WriteString("? " + w.key())
		w.end(column)
		w.pad(column)
		w.WriteString(w.pick(": ", ":"))
		w.value(column, depth)
		return
	}
	w.WriteString(w.key() + w.pick(":", ":", ":", " :"))
	w.value(column, depth)
}

// value is what stands behind a colon, up to the end of its last line.
func (w *writer) value(column, depth int) {
	if w.one(12) {
		w.WriteString(w.pick(" &w", " !t", " !!str", " &w", " &v !t", w.pick(" !!int", " !!binary")))
	}
	if depth < 4 && w.Intn(10) < 5 {
		inner := column + 1 + w.Intn(4)
		switch w.Intn(5) {
		case 0, 1:
			w.end(inner)
			w.mapping(inner, depth+1)
			return
		case 2:
			w.end(inner)
			w.sequence(inner, depth+1)
			return
		case 3:
			w.end(column)
			w.sequence(column, depth+1)
			return
		default:
			w.WriteString(" ")
			w.flow(depth)
			w.end(column)
			return
		}
	}
	w.scalar(column, depth)
}

func (w *writer) sequence(column, depth int) {
	for range 1 + w.Intn(4) {
		w.pad(column)
		w.WriteString("-")
		gap := w.pick(" ", " ", "  ", "   ")
		switch w.Intn(7) {
		case 0:
			w.WriteString(gap)
			w.entry(column+1+len(gap), depth+1)
			if w.one(2) {
				w.mapping(column+1+len(gap), depth+1)
			}
		case 1:
			if depth < 4 {
				w.WriteString(gap)
				w.WriteString("-")
				w.scalar(column+1+len(gap), depth)
				w.sequence(column+1+len(gap), depth+1)
				continue
			}
			w.scalar(column, depth)
		case 2:
			if depth < 4 {
				inner := column + 1 + w.Intn(3)
				w.end(inner)
				w.mapping(inner, depth+1)
				continue
			}
			w.scalar(column, depth)
		default:
			w.scalar(column, depth)
		}
	}
}

func (w *writer) scalar(column, depth int) {
	switch w.Intn(12) {
	case 0:
		w.end(column)
	case 1:
		w.WriteString(" " + w.pick("|", "|-", "|+", ">", ">-", ">+", "|2", "|1-"))
		if w.Intn(100) < w.density {
			w.WriteString(" " + w.comment())
		}
		w.WriteString("\n")
		inner := column + 1 + w.Intn(3)
		for range 1 + w.Intn(4) {
			w.pad(inner)
			w.WriteString(w.pick("text", "two words", "# no comment", "", " more", "a: b", "- c") + "\n")
		}
		w.lines(column)
	case 2:
		w.WriteString(" " + w.pick(`"q"`, `'s'`, `"a\nb"`, `"\x41 # \u00e9"`, `'it''s'`, `""`, `"a`+"\n"+strings.Repeat(" ", column+1)+`b"`))
		w.end(column)
	case 3:
		w.WriteString(" first\n" + strings.Repeat(" ", column+1) + "second")
		w.end(column)
	case 4:
		w.WriteString(" " + w.alias())
		w.end(column)
	case 5:
		w.WriteString(" ")
		w.flow(depth)
		w.end(column)
	default:
		w.WriteString(" " + w.plain())
		w.end(column)
	}
}

func (w *writer) alias() string {
	if !w.aliases {
		return "no"
	}
	return w.pick("*x", "*x", "*y", "*z")
}

func (w *writer) plain() string {
	return w.pick("v", "yes", "1", "0x1F", "014", "0o14", "1_000", "-7", "+3", "1.5", ".5", "1e3", "-.inf", ".nan", "true", "FALSE",
		"null", "~", "2024-01-02", "2024-1-2T3:4:5.60+02:30", "2024-01-02 03:04:05", "18446744073709551615", "99999999999999999999", "1:30",
		"a#b", "http://x/y", "a  b", "<<", "=", "é€", "🔒", "x,y", "[z", "no", "0b101", "-0b1", "0o", "1e400", "1__0", "._5")
}

// flow is a list or map in brackets, perhaps on several lines.
func (w *writer) flow(depth int) {
	open, end := "[", "]"
	pairs := w.one(2)
	if pairs {
		open, end = "{", "}"
	}
	w.WriteString(open)
	lines := w.one(3)
	gap := func() {
		if lines {
			w.end(2 + w.Intn(3))
			w.pad(2 + w.Intn(3))
		} else if w.one(3) {
			w.WriteString(" ")
		}
	}
	gap()
	for range w.Intn(4) {
		if pairs || w.one(8) {
			w.WriteString(w.pick("a", "b", "'c'", `"d"`) + w.pick(": ", ": ", ": ", " : ", w.pick(": ", ": ? ")))
		}
		switch {
		case depth < 3 && w.one(5):
			w.flow(depth + 1)
		case w.one(5):
			w.WriteString(w.pick(`"q"`, `'s'`, w.alias(), "&w v", "!t w", "[]", "{}"))
		default:
			w.WriteString(w.pick("v", "1", "no", "two words", "null", "x#y", "1.5"))
		}
		if w.one(6) {
			gap()
		}
		w.WriteString(",")
		gap()
		if !lines {
			w.WriteString(" ")
		}
	}
	if w.one(3) {
		w.WriteString("last")
		gap()
	}
	w.WriteString(end)
}

// damage takes a character out, puts one in, or moves a line.
func (w *writer) damage(text string) string {
	runes := []rune(text)
	at := w.Intn(len(runes))
	switch w.Intn(4) {
	case 0:
		return string(runes[:at]) + string(runes[at+1:])
	case 1:
		return string(runes[:at]) + w.pick(":", " ", "\n", "#", " #", "-", "[", "]", "{", "}", ",", "\"", "'", "&", "*", "!", "|", "\t", "%", "@", "\u0085", "\u2028", "\ufeff", "?", "\x01", "\\", "---\n") + string(runes[at:])
	case 2:
		return string(runes[:at])
	default:
		return string(runes[at:])
	}
}
