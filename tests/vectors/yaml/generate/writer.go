package main

import "strings"

var writerStrings = []string{
	"", " ", "  ", "a", "a b", " a", "a ", "a  b", "\t", "a\tb", "\ta", "a\t", "\n", "\n\n", "a\n", "a\n\n", "\na", "a\nb", "a\nb\n", "a\n\nb", " a\nb", "  a\n b\n", "a \nb", "a\n b", "a\nb ", "a\nb \n", "a\n \nb", "a\r\nb", "a\rb", "\r", "a\n\tb\n", "\ta\nb", "a\n\n\n",
	"yes", "no", "y", "n", "on", "off", "true", "True", "TRUE", "null", "~", "Null", "Yes", "yEs", "010", "0o10", "0x1F", "0b1", "1", "-1", "+1", "1.0", "1e3", ".5", ".inf", "-.inf", ".nan", "1_000", "_1", "12:30", "1:30:45", "190:20:30.15", "1:60", "-1:30", "2001-12-14", "2001-12-14T21:59:43Z", "2001-12-14 21:59:43", "2001-13-14", "1,000", "0", "00", "0.", ".", "..", "...", "....", "... a", "--- a", "---", "----", "--", "-", "- a", "-a", "-- a", "?", "? a", "?a", ":", ": a", ":a", "a:", "a: b", "a :b", "a : b", "a:b", "#", "# a", "#a", "a#", "a #", "a # b", "a# b", ",", ", a", ",a", "a,b", "[", "]", "{", "}", "[a]", "{a}", "a[b]", "&a", "*a", "!a", "|", ">", "|a", "'", "''", "'a'", "a'b", "\"", "\"a\"", "a\"b", "%", "%a", "a%", "@", "@a", "`", "`a`", "=", "==", "<<", "<", "<a>", "a&b", "a<b>c", "\\", "\\n", "a\\b", "C:\\a", "$a", "${A}", "!", "!!str a", "a!", "a*", "a&", "*", "&", "é", "日本語", "🔒", "a🔒b", "🔒\n", "é\nü\n", "\u0000", "\u0001", "\u0007\u0008\u000b\u000c\u001b", "\u00a0", "a\u00a0b", "\u2028", "a\u2028b", "a\u2029b\u2028", " \u2028a", "\ufeff", "\ufeffabc", "a\ufeffb", "\ufeff\n", "\ufffd", "\ue000", "\U0010ffff", "\u00ad", "a\u2028\nb", "\u200b",
	"\u007f", "\u0080", "a\u0085b", "\ufffe", "\uffff",
	"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "{\"auths\":{\"x\":{\"auth\":\"YTpi\"}}}", "aGVsbG8=", "AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq=", "user:pass", "http://a.b/c?d=e&f=g#h", "postgres://u:p@h:5432/d", "a=b", "key=value\nother=2\n", "# comment\nx", "- a\n- b\n", "a: b\nc: d\n", "1\n", "yes\n", "~\n",
	strings.Repeat("a", 200), strings.Repeat("abc ", 50), strings.Repeat("abc  ", 50), " " + strings.Repeat("abc ", 50) + "x", strings.Repeat("abc: ", 50), strings.Repeat("é ", 100), strings.Repeat("🔒 ", 60), strings.Repeat("a\"b ", 50), strings.Repeat("it's ", 50), "x" + strings.Repeat(" ", 100) + "y", strings.Repeat("a", 79) + " b", strings.Repeat("a", 80) + " b c", strings.Repeat("a", 75) + " b c d e f", strings.Repeat("abc ", 50) + "\n" + strings.Repeat("def ", 50), "'" + strings.Repeat("abc ", 50) + "'", strings.Repeat("a", 300) + "\n" + strings.Repeat("b", 300),
}

func writerValues() []any {
	type m = map[string]any
	var values []any
	for _, s := range writerStrings {
		values = append(values, m{"k": s})
	}
	for _, s := range writerStrings {
		values = append(values, s, []any{s}, m{s: "v"}, m{"a": m{"b": []any{s, m{"c": s}}}})
	}
	values = append(values,
		nil, true, false, 0, 1, -1, 1.5, 1e6, 1e20, 1e21, 1e22, 1e-5, 1e-6, 1e-7, 123456789.5, 0.1, 100000.0, 1e100, -0.5, int64(9223372036854775807), uint64(18446744073709551615), 3.0, 5e-324, 1.7976931348623157e308,
		m{}, []any{}, m{"a": nil}, m{"a": m{}}, m{"a": []any{}}, []any{nil}, []any{m{}}, []any{[]any{}}, m{"a": []any{1, 2}}, m{"a": []any{m{"b": 1, "c": 2}, m{"d": []any{m{"e": 1}}}}},
		[]any{[]any{1, 2}, []any{3}}, []any{[]any{[]any{1}}}, []any{m{"a": []any{1}}}, m{"a": []any{[]any{1, 2}, []any{}}},
		m{"a10": 1, "a2": 2, "a1": 3, "A": 4, "b": 5, "_": 6, "-x": 7, "1": 8, "10": 9, "9": 10, "a": 11, "ab": 12, "a b": 13, "a-b": 14, "a.b": 15, "a/b": 16, "a01": 17, "a001": 18, "a100": 19, "aé": 20, "é": 21},
		m{"true": 1, "null": 2, "1.5": 3, "": 4, "y": 5},
		m{strings.Repeat("k", 128): 1, strings.Repeat("l", 129): 2, strings.Repeat("m", 200): m{"a": []any{1}}, strings.Repeat("n", 130): []any{1, 2}},
		m{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": m{"creationTimestamp": nil, "name": "s", "namespace": "n", "annotations": m{"sealedsecrets.bitnami.com/cluster-wide": "true"}}, "spec": m{"encryptedData": m{"password": strings.Repeat("AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq", 20) + "=="}, "template": m{"metadata": m{"creationTimestamp": nil, "name": "s", "ownerReferences": []any{m{"apiVersion": "v1", "kind": "X", "controller": true}}}, "type": "Opaque"}}},
	)
	alphabet := []string{"a", "b", " ", "\n", "-", ":", "#", "'", "\"", "0", "1", ".", "_", "\t", "é", "[", ",", "é", "🔒", "\\", "<", "?", "!"}
	for range 600 {
		values = append(values, m{"k": randomText(alphabet, 1+random.Intn(8))})
	}
	words := []string{"word", "a", "it's", "\"q\"", ":", "longerword", "é", "  ", "#", "x: y"}
	for range 200 {
		var parts []string
		for range 8 + random.Intn(40) {
			parts = append(parts, words[random.Intn(len(words))])
		}
		values = append(values, m{"k": []any{strings.Join(parts, " ")}, strings.Join(parts[:8], " "): 1})
	}
	for range 200 {
		keys := m{}
		for range 12 {
			keys[randomText([]string{"a", "b", "A", "0", "1", "2", "9", "-", ".", "_"}, 1+random.Intn(5))] = 1
		}
		values = append(values, keys)
	}
	return values
}
