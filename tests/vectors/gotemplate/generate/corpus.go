package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed corpus.txt
var lines string

// The templates: one a line in corpus.txt (`#` begins a comment, \n stands for a newline), and those made from tables.
func corpus() []string {
	var all []string
	for _, line := range strings.Split(lines, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, strings.ReplaceAll(line, `\n`, "\n"))
		}
	}
	// Each verb on each kind of value.
	values := []string{"42", "-42", "3.5", "1e21", "`a\"b`", "true", "nil", "(list 1 `a` nil)", "(dict `k` 1 `l` `v`)", "'x'", "(index `A` 0)", ".unicode", "1i"}
	for _, verb := range strings.Split("v +v #v T t d b o O x X c q U e E f F g G s z %", " ") {
		for _, value := range values {
			all = append(all, fmt.Sprintf("{{ printf \"%%%s\" %s }}", verb, value))
		}
	}
	for _, format := range []string{"%5d", "%-5d|", "%05d", "%+d", "% d", "%x", "%#x", "%#o", "%.3d", "%8.3d", "%+05d", "%c", "%U", "%#U", "%08b"} {
		for _, value := range []string{"42", "-42", "0"} {
			all = append(all, fmt.Sprintf("{{ printf \"%s\" %s }}", format, value))
		}
	}
	for _, format := range []string{"%8.2f", "%-8.2f|", "%08.2f", "%+.1e", "%g", "%.3g", "%10g", "% f", "%#g", "%.0f", "%x", "%6v", "%G", "%+f"} {
		for _, value := range []string{"3.14159", "-2.5", "1e100", "0.0", "123456789.0", "0.000012345"} {
			all = append(all, fmt.Sprintf("{{ printf \"%s\" %s }}", format, value))
		}
	}
	for _, format := range []string{"%5s|", "%-5s|", "%.2s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%# x", "%5q", "%.1q", "%05s", "%#v"} {
		for _, value := range []string{"`ab`", "`é世`", "\"a\\n\\\"\"", "``", ".binary"} {
			all = append(all, fmt.Sprintf("{{ printf `%s` %s }}", format, value))
		}
	}
	// Each comparison on each pair.
	operands := []string{"1", "1.0", "`1`", "true", "nil", ".number", ".gone", "(int64 1)", "(index `1` 0)", "(list 1)", "(dict)", "(list)", "(fromJson `null`)"}
	for _, name := range []string{"eq", "ne", "lt", "ge"} {
		for _, left := range operands {
			for _, right := range operands {
				all = append(all, fmt.Sprintf("{{ %s %s %s }}", name, left, right))
			}
		}
	}
	// Truth, type and emptiness of each kind.
	everything := append(operands, "0", "0.0", "``", "false", "now", "(semver `1.2.3`)", "(splitList `,` ``)", "(until 2)", "(chunk 1 (list 1))", "(split `,` `a`)", ".", "1i", "(fromJson `[]`)", "(add 1 2)")
	for _, value := range everything {
		for _, format := range []string{"{{ if %s }}t{{ else }}f{{ end }}", "{{ kindOf %s }}", "{{ typeOf %s }}", "{{ empty %s }}", "{{ not %s }}", "{{ with %s }}w{{ else }}e{{ end }}", "{{ default `d` %s | kindOf }}", "{{ len %s }}", "{{ int %s }}", "{{ float64 %s }}", "{{ toString (kindOf %s) }}"} {
			all = append(all, fmt.Sprintf(format, value))
		}
	}
	// What does not print the time of day.
	for _, value := range operands {
		for _, format := range []string{"{{ %s }}", "{{ toJson %s }}", "{{ quote %s }}", "{{ squote %s }}", "{{ toString %s }}", "{{ print %s }}", "{{ toStrings %s }}", "{{ range %s }}[{{ . }}]{{ else }}none{{ end }}", "{{ html %s }}", "{{ upper %s }}", "{{ add %s 1 }}", "{{ first %s }}", "{{ keys %s }}", "{{ list %s | toJson }}", "{{ coalesce %s `c` }}", "{{ ternary `y` `n` %s }}", "{{ %s | printf `%%v|%%v` 1 }}", "{{ index %s 0 }}", "{{ %s.field }}", "{{ (%s).field }}", "{{ round %s 1 }}", "{{ toDecimal %s }}", "{{ join `-` %s }}", "{{ has 1 %s }}", "{{ uniq %s }}", "{{ cat %s `x` }}", "{{ duration %s }}", "{{ atoi %s }}"} {
			all = append(all, fmt.Sprintf(format, value))
		}
	}
	// Every function without arguments, with too many, and with something of the wrong type.
	for _, name := range names {
		all = append(all,
			fmt.Sprintf("{{ %s }}", name),
			fmt.Sprintf("{{ %s 1 2 3 4 5 6 7 8 9 }}", name),
			fmt.Sprintf("{{ %s nil }}", name),
			fmt.Sprintf("{{ (dict) | %s | kindOf }}", name),
			fmt.Sprintf("{{ %s .gone }}", name),
			fmt.Sprintf("{{ %s `a` `b` true nil (list) | kindOf }}", name))
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "Mon Jan _2 15:04:05 2006", "Monday, 02-Jan-06 15:04:05 MST", "3:04PM", "03:04:05.000 pm", "002 __2", "06/1/2", "15h4m5s", "-0700 -07 -07:00 Z0700", "January Jan Month", ".000 .999 ,000000", "_2006 2006_"} {
		for _, time := range []string{"0", "1700000000", "951782400", "-1", "(toDate `2006-01-02 15:04:05.5` `2024-02-29 23:59:59.25`)"} {
			all = append(all, fmt.Sprintf("{{ dateInZone `%s` %s `UTC` }}", layout, time))
			all = append(all, fmt.Sprintf("{{ dateInZone `%s` %s `Europe/Berlin` }}", layout, time))
		}
	}
	for _, constraint := range []string{"1.2.3", "=1.2.3", "!=1.2.3", ">1.2", ">=1.2.3", "<2", "<=1.2.x", "~1.2", "~1", "^1.2.3", "^0.2", "^0.0.3", "1.x", "*", "", "1.2 - 1.4", ">1, <3 || =5.0.0", ">=1.2.3-alpha", "~>2", "bad", "1.2.3.4", "=>1", "=<1", "!=1.x", "^0", ">1.2.x", "1 2"} {
		for _, version := range []string{"1.2.3", "1.3.0", "v1.2", "0.2.5", "2.0.0-rc.1", "1.2.3-beta.2", "5.0.0", "nope", "01.2.3"} {
			all = append(all, fmt.Sprintf("{{ semverCompare `%s` `%s` }}", constraint, version))
		}
	}
	for _, text := range []string{"", "a", "FirstName", "HTTPServer", "NoHTTPS", "GO_PATH", "GO PATH", "http2xx", "HTTP20xOK", "Duration2m3s", "Bld4Floor3rd", "some_words here", "_complex__case_", "a-b", "ÜberCool", "x1", "1x", "A", "--", "a.b,c", "世界Hello", "ǅ ǆ", "don't stop", "αΒγ", "mixedCASE99Test_x"} {
		for _, name := range []string{"upper", "lower", "title", "untitle", "swapcase", "camelcase", "snakecase", "kebabcase", "initials", "nospace", "quote", "squote", "b64enc", "b32enc", "sha256sum", "adler32sum", "js", "urlquery", "regexQuoteMeta", "base", "ext", "trim", "toRawJson"} {
			all = append(all, fmt.Sprintf("{{ %s `%s` }}", name, text))
		}
	}
	for _, path := range []string{"", "/", "a/b.c", "/a/b/", "../x", "a//b/../c", "./", ".hidden", "a.tar.gz", "/..", "a/../..", "//a"} {
		for _, name := range []string{"base", "dir", "clean", "ext", "isAbs", "osBase", "osDir", "osClean", "osExt", "osIsAbs"} {
			all = append(all, fmt.Sprintf("{{ %s `%s` }}", name, path))
		}
	}
	for _, url := range []string{"http://a.b/c", "https://u:p@h:80/p?q#f", "mailto:x@y.z", "/path/only", "//host/x", "a:b", ":x", "http://[::1]:80/", "http://[::1", "http://h:x/", "%zz", "http://a b/", "x?y?z", "#only", "", "http://h/%41%2f", "http://ü.de/é", "HTTP://H/", "postgres://a:1,b:2/db", "http://a:1:2/", "*", "http://u@/p", "1http://x", "foo/b:c"} {
		all = append(all, fmt.Sprintf("{{ urlParse `%s` }}", url), fmt.Sprintf("{{ urlParse `%s` | urlJoin }}", url))
	}
	for _, regex := range []string{"a+", "[a-c]+", "(a)(b)?", "^x", "\\\\d+", "\\\\w+", "\\\\bfoo\\\\b", "[[:alpha:]]+", "[", "a**", "(?i)ABC", "(?P<n>a)", "a{2}", "a{,2}", "{", "a{1001}", "\\\\pL+", "\\\\Qa.b\\\\E", "x*", "", ".", "\\\\s", "[\\\\d.]+", "a|b|", "(?x)a", "[a&&b]", "\\\\x41", "\\\\z", "$", "(?s).+", "\\\\1", "[^a-z]", "\\\\p{Greek}", "[]a]", "[a-]", "a{2,1}", "\\\\07"} {
		for _, text := range []string{"aab foo abc 12.3", "", "a.b ABC αβ", "xxaa"} {
			all = append(all,
				fmt.Sprintf("{{ regexMatch \"%s\" `%s` }}", regex, text),
				fmt.Sprintf("{{ mustRegexFindAll \"%s\" `%s` -1 | toJson }}", regex, text),
				fmt.Sprintf("{{ regexReplaceAll \"%s\" `%s` `<${1}$n$0$$>` }}", regex, text),
				fmt.Sprintf("{{ regexSplit \"%s\" `%s` -1 | toJson }}", regex, text))
		}
	}
	return all
}

var names = strings.Fields(`abbrev abbrevboth add add1 add1f addf adler32sum all any append atoi b32dec b32enc b64dec b64enc base
biggest buildCustomCert camelcase cat ceil chunk clean coalesce compact concat contains dateInZone
dateModify date_in_zone date_modify decryptAES deepCopy deepEqual default dict dig dir div divf duration
durationRound empty ext fail first float64 floor fromJson get has hasKey
hasPrefix hasSuffix hello htmlDateInZone indent initial initials int int64 isAbs join kebabcase keys kindIs kindOf last list
lower max maxf merge mergeOverwrite min minf mod mul mulf mustAppend mustChunk mustCompact mustDateModify mustDeepCopy mustFirst
mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind mustRegexFindAll
mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson
mustToPrettyJson mustToRawJson mustUniq mustWithout must_date_modify nindent nospace omit osBase osClean osDir osExt osIsAbs
pick pluck plural prepend push quote regexFind regexFindAll regexMatch regexQuoteMeta
regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round semver semverCompare seq set sha1sum sha256sum
sha512sum slice snakecase sortAlpha split splitList splitn squote sub subf substr swapcase ternary title toDate
toDecimal toJson toPrettyJson toRawJson toString toStrings trim trimAll trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike
typeOf uniq unixEpoch unset until untilStep untitle upper urlJoin urlParse values without wrap wrapWith
and call html index js len not or print printf println urlquery eq ge gt le lt ne env expandenv getHostByName break continue nosuch`)
