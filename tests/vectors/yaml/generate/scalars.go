package main

import (
	"fmt"
	"strings"
)

var scalarSpellings = strings.Fields(`
y Y n N yes Yes YES yEs no No NO nO on On ON oN off Off OFF oFF true True TRUE tRUE false False FALSE t f T F
~ null Null NULL nUll nil None ~~ nullx
0 00 000 -0 +0 1 -1 +1 01 07 08 09 010 -010 +010 0777 0o0 0o7 0o17 0O17 0o8 -0o17 +0o17 0o 0x 0b 0X 0B
0x0 0x1F 0X1f 0xg -0x1F +0x1F 0x_1F 0xFF_FF 0b0 0b101 0B101 0b102 -0b101 +0b101 0b-101 0b+101 -0b-101 0b_1 0b1_0 0b 0b2
1_000 1__000 _1000 1000_ 1_ -1_0 +_1 0_1 0_x1 0x_ 1_0.5_0 1_e3 1e_3 1_000_000.5
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616
+18446744073709551615 +9223372036854775808 12345678901234567890 99999999999999999999 0xFFFFFFFFFFFFFFFF 0x10000000000000000
0x7FFFFFFFFFFFFFFF 0x8000000000000000 -0x8000000000000000 -0x8000000000000001 01777777777777777777777 02000000000000000000000
0b1111111111111111111111111111111111111111111111111111111111111111 -0b1000000000000000000000000000000000000000000000000000000000000000
1.0 1. .5 -.5 +.5 . .. ... -. +. 1.1 1.10 0.1 -0.1 +0.1 00.1 01.5 1.5e3 1e3 1E3 1e+3 1e-3 1e 1e+ e1 .e1 1.e1 .5e1 .5E-1 1.5.2 1..2 .1.2
1e5 1e6 1e7 1e20 1e21 1e22 1e-4 1e-5 1e-6 1e-7 1e38 1e39 3.4028235e38 3.4028236e38 1e300 1e308 1.8e308 1e309 1e999 -1e999 1e-999 5e-324 1e-400
100000 1000000 123456 1234567 1234567.0 12345678.9 123456.789 16777216 16777217.0 16777217.5 0.000001 0.0001 0.00001 0.30000000000000004 3.14159265358979 2.718281828459045 -0.0 -0.5e-9
.inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF .iNF .nan .NaN .NAN .Nan -.nan +.nan inf Inf nan NaN infinity Infinity +inf -inf
.5_5 ._5 .5_ .5__5 .5e1_0 .5_e1 ._ .1_2_3 .0x1 .5p1 0x1p3 0x1.8p1 0x.8p0 1p3
1:30 12:30 12:30:45 190:20:30 190:20:30.15 -1:30 1:60 1:5 01:30 0:0 20:30:40.5_5 1:2:3: 22:22
2001-12-14 2001-1-2 2001-13-14 2001-02-29 2000-02-29 1900-02-29 2001-12-32 2001-12-00 20011-12-14 201-12-14 2001-12-14T21:59:43Z 2001-12-14t21:59:43.10-05:00
2001-12-14T21:59:43.10-05:00 2001-12-14T21:59:43+24:00 2001-12-14T21:59:43+25:00 2001-12-14T24:00:00Z 2001-12-14T1:2:3Z 2001-12-14T21:59:43 2001-12-14T21:59:43,5Z 2001-12-14T21:59Z
2001-12-14T21:59:43-5:00 2001-12-14T21:59:60Z 2001-12- 2001-12 2001- 2001-12-14T
abc a.b a-b -a --a --- -- - ? ?a :a a:b a::b a: # a#b a,b [a] {a} a] a} "a" 'a' @a %a |a >a !a &a *a =a = << <<a
!!str !!int !!float !!bool !!null !!binary !!timestamp !x !!map !!seq !!foo !!merge !!set !!omap
aGVsbG8= aGVsbG8 aGVsbG8== -----BEGIN /a/b C:\a $a ${a} $(a) a&b a*b 100% 50%a (a) a;b <a> ^a \a \n ~a a~ +a +1a 1a 0x1G 1-2 1+2 1/2 1,000 1.000,5 192.168.0.1 1.2.3 v1.2.3 0.0.0.0 ::1
`)

var scalarPhrases = []string{
	"", " ", "a b", "a  b", "a # comment", "a #comment", "a# b", "# comment", "a: b", "a :b", "a : b", "- a", "-  a", "? a", "yes no", "1 2", "1 # c", "yes # c", "~ # c", "null # c",
	"2001-12-14 21:59:43", "2001-12-14 21:59:43.10", "2001-12-14 21:59:43.10 -5", "2001-12-14  21:59:43", "2001-12-14 21:59:43Z", "2001-12-14 ",
	`"yes"`, `'yes'`, `"1"`, `'1'`, `""`, `''`, `" "`, `' '`, `"null"`, `'~'`, `"~"`, `"a\nb"`, `'a\nb'`, `"a\tb"`, `"\x41"`, `"\u00e9"`, `"\U0001F600"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\0"`, `"\a\b\e\f\v\r"`,
	`"\N\_\L\P"`, `"\/"`, `"\q"`, `"\x4"`, `"\""`, `"\\"`, `"\ "`, `'it''s'`, `'a"b'`, `"a'b"`, `"a # b"`, `'a: b'`, `"é€🔒"`, `'é€🔒'`, "é€🔒", `"a" b`, `'a' b`, `"a`, `'a`,
	`"\U00110000"`, `"\uD800\uDC00"`, `"\t"`, "\"a\tb\"", "a\tb", "a\t", "\ta", "a\t# c",
	"[1, yes, 010, ~, a]", "{a: 1, b: yes}", "[]", "{}", "[a", "{a", "[a,]", "{a: 1,}", "[a, , b]", "[,]", "{,}", "[a: b]", "{a}", "{a: }", "{a:}", "{a:1}", `{"a":1}`, `{"a": 1}`, `["a","b"]`, "[[1], [2]]", "{? a : b}", "[? a : b]", "[-1, - 1]", "[-]", "{-: 1}", "[ENC[a,b]]",
	"[a\n  , b]", "[a,\n  b]", "{a: 1,\n  b: 2}", "[\n  a,\n  b\n  ]", "[\n  a # c\n  , b]", "{a: \"x\n  y\"}",
	"a\n  b", "a\n\n  b", "a\n  b\n\n  c", "a\n  # c", "a # c\n  b", "\n  a", "\n  a\n  b", "\n\n  a", "\n  - a\n  - b", "\n- a\n- b", "\n  a: 1\n  b: 2", "\n  # c\n  a", "\n  \"a\"", "\n  |\n  a",
	"\"a\n  b\"", "\"a\n\n  b\"", "\"a\\\n  b\"", "\"a \\\n  b\"", "\"a\\n\\\n  \\ b\"", "\" a\n  b \"", "'a\n  b'", "'a\n\n  b'", "' a \n  b '", "\"a\n\n\n  b\"", "\"\n  a\n  \"", "'\n  a\n  '",
	"!!str yes", "!!str 1", "!!str", "!!str ~", "!!str null", "!!str \"a\"", "!!str 'a'", "!!str |\n  a", "!!str 2001-12-14", "!!str [a]", "!<tag:yaml.org,2002:str> yes", "!<tag:yaml.org,2002:int> \"5\"",
	"!!int 1", "!!int 010", "!!int \"1\"", "!!int '0x10'", "!!int 1.0", "!!int 1e3", "!!int a", "!!int yes", "!!int", "!!int ~", "!!int \"\"", "!!int 18446744073709551615", "!!int 1_000", "!!int 2001-12-14", "!!int |\n  5",
	"!!float 1", "!!float 1.5", "!!float \"1.5\"", "!!float .inf", "!!float -.INF", "!!float .nan", "!!float a", "!!float 9223372036854775807", "!!float 18446744073709551615", "!!float 1e3", "!!float 0x10", "!!float yes", "!!float",
	"!!bool yes", "!!bool \"yes\"", "!!bool 'off'", "!!bool 1", "!!bool a", "!!bool TRUE", "!!bool y", "!!bool", "!!bool tRUE",
	"!!null ~", "!!null null", "!!null", "!!null \"\"", "!!null a", "!!null 0", "!!null \"null\"", "!!null [a]", "!!null {a: 1}",
	"!!timestamp 2001-12-14", "!!timestamp \"2001-12-14\"", "!!timestamp a", "!!timestamp 2001-12-14T21:59:43Z", "!!timestamp 1", "!!timestamp",
	"!!binary aGVsbG8=", "!!binary \"aGVsbG8=\"", "!!binary aGVsbG8", "!!binary \"a GVs\"", "!!binary |\n  aGVs\n  bG8=", "!!binary /w==", "!!binary", "!!binary \"\"", "!!binary yes", "!!binary aGVsbG9=", "!!binary aGVsbG8==", "!!binary =", "!!binary a===", "!!binary w6k=",
	"! a", "! 1", "! \"1\"", "! '1'", "! yes", "! \"yes\"", "! \"\"", "!", "! [1]", "! |\n  1", "!foo 1", "!foo yes", "!foo \"1\"", "!foo", "!foo [1]", "!foo {a: 1}", "!!foo 1", "!!foo [1]", "!!merge <<", "!!map a", "!!seq a", "!!map {a: 1}", "!!seq [1]", "!!set {a, b}", "!!omap [a: 1]", "!e!x a", "!<x> 1",
	"&a 1", "&a yes", "&a", "&a \"1\"", "&a !!str 1", "!!str &a 1", "&a [1]", "*a", "&a b c", "&a-b_c 1",
	"|", ">", "|\n", "|-\n", "|+\n", "|\n  a", "|\n  a\n", "|\n  a\n\n", "|-\n  a\n\n", "|+\n  a\n\n", "|\n\n  a", "|\n  a\n   b\n  c", "|2\n  a", "|2\n   a", "|1\n   a", "|2-\n   a\n", "|-2\n   a\n", "|+2\n   a\n\n", "|0\n  a", "|9\n  a", "|a\n  a", "| # c\n  a", "|# c\n  a", "|-- \n  a", "|\n  # not a comment\n", "|\n  a # b\n", "|\n\ta\n", "|\n  \ta\n", "|\n  a\t\n", "|\n   \n  a\n", "|\n  a\n \n  b\n", "|\n a\n", "|\n  a\n b\n", "|\n    a\n  b\n", "|3\n   a\n  b",
	">\n  a\n  b\n", ">\n  a\n\n  b\n", ">\n  a\n   b\n  c\n", ">\n  a\n\n   b\n\n  c\n", ">-\n  a\n  b\n\n", ">+\n  a\n\n", ">\n\n  a\n", ">\n  a\n\n\n  b\n", ">2\n   a\n  b\n", ">\n  - a\n  - b\n", ">\n  a\n  \tb\n", ">\n   a\n  b\n", ">-\n  a\n\n  # b\n", ">\n  a  \n  b\n", ">\n\n\n", "|\n\n\n", "|+\n\n\n", ">+\n\n\n", "|-\n\n\n",
	"|\r\n  a\r\n  b\r\n", ">\r\n  a\r\n  b\r\n", "\"a\r\n  b\"", "a\r\n  b", "a\r", "|\n  a\r  b\n",
	"a\u2028b", "\"a\u2028b\"", "|\n  a\u2028b\n", "a\u0085b", "\"a\u0085b\"", "|\n  a\u0085b\n", "a\u00a0b", "\u00a0a", "a\u00a0", "\ufeffa", "a\ufeffb", "\"a\ufeffb\"", "\ufffd", "\ufffe", "\"\u0001\"", "a\u0000b", "\u007f", "\u0080", "\U0010ffff",
	"|\n  -----BEGIN CERTIFICATE-----\n  MIIB\n  -----END CERTIFICATE-----\n", "|\n  {\"a\": 1}\n", "|\n  a: b\n  c: d\n", "'{\"auths\":{\"x\":{}}}'", "\"{\\\"auths\\\":{}}\"",
	"a?b", "a? b", "a ?b", "a,b c", "a [b]", "a {b}", "a&b *c", "a !b", "a | b", "a > b", "a 'b'", "a \"b\"", "a %b", "a @b", "a `b`", "`a", "@", "%", "%a b", "-", "- ", "-a b", "--- a", "... a", "----", "....", ":", ": a", ":: a", "?", "?a b", "[]a", "{}a", "\"\"a", "''a",
	strings.Repeat("a", 1100), strings.Repeat("a ", 600), strings.Repeat("9", 400), "0." + strings.Repeat("3", 400), strings.Repeat("1_", 50) + "1",
}

// scalarDocuments gives documents with one key, k.
func scalarDocuments() []string {
	var docs []string
	add := func(spelling string) { docs = append(docs, "k: "+spelling+"\n") }
	for _, spelling := range scalarSpellings {
		add(spelling)
	}
	for _, spelling := range scalarPhrases {
		add(spelling)
		if !strings.HasSuffix(spelling, "\n") {
			docs = append(docs, "k: "+spelling)
		}
	}
	for _, spelling := range scalarSpellings[:120] {
		add("\"" + spelling + "\"")
		add("!!str " + spelling)
	}
	numeric := strings.Split("0 1 2 7 8 9 0 1 _ . - + e E x o b : f F", " ")
	for range 900 {
		add(randomText(numeric, 1+random.Intn(7)))
	}
	for range 300 {
		add("." + randomText(strings.Split("0 5 9 _ e E + - .", " "), 1+random.Intn(6)))
	}
	for range 300 {
		add(fmt.Sprintf("%d-%d-%d%s%d:%d:%d%s", 1990+random.Intn(40), random.Intn(14), random.Intn(33),
			[]string{"T", "t", " "}[random.Intn(3)], random.Intn(26), random.Intn(62), random.Intn(62),
			[]string{"", "Z", ".5", ".5Z", "+01:00", ".25-12:30", ",5Z", "z"}[random.Intn(8)]))
		docs[len(docs)-1] = strings.Replace(docs[len(docs)-1], "k: ", []string{"k: ", "k: !!timestamp ", "k: !!timestamp "}[random.Intn(3)], 1)
	}
	lines := []string{"\n", "  a\n", "  b \n", "   c\n", "    d\n", " \n", "    \n", "  \te\n", "  # f\n", "  - g\n"}
	for range 500 {
		header := []string{"|", ">"}[random.Intn(2)] + []string{"", "-", "+", "2", "2-", "+1"}[random.Intn(6)]
		docs = append(docs, "k: "+header+"\n"+randomText(lines, 1+random.Intn(6))+[]string{"", "z: 1\n", "  end"}[random.Intn(3)])
	}
	words := []string{"a", "b", " ", " ", "\n  ", "\n\n  ", "\n   ", ":", "#", "-", "1", "'", "\"", "\\", "\\n", "\\\n  ", "\t", ",", "é"}
	for range 300 {
		add("\"" + strings.ReplaceAll(randomText(words, 1+random.Intn(9)), "\"", "\\\"") + "\"")
		add("'" + strings.ReplaceAll(randomText(words, 1+random.Intn(9)), "'", "''") + "'")
		add(randomText(words, 1+random.Intn(9)))
	}
	return docs
}
