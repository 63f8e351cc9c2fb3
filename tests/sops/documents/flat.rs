//! JSON, dotenv, INI and bytes.

use super::tape::Tape;
use super::words::{self, COMMENTS, SPELLINGS};

pub(crate) fn json(tape: &mut Tape) -> String {
    let mut out = String::new();
    out.push_str(tape.pick(&["", "", "", " \n", "\t"]));
    json_object(tape, &mut out, 0);
    out.push_str(tape.pick(&["\n", "", " \n\n"]));
    out
}

fn json_object(tape: &mut Tape, out: &mut String, depth: usize) {
    let count = tape.below(5) + usize::from(depth == 0);
    out.push('{');
    for at in 0..count {
        if at > 0 {
            out.push(',');
        }
        json_space(tape, out);
        let key = words::key(tape);
        let key = if key == "sops" || key.starts_with("sops") { "s".to_owned() } else { key };
        json_text(tape, out, &key);
        json_space(tape, out);
        out.push(':');
        json_space(tape, out);
        json_value(tape, out, depth + 1);
    }
    json_space(tape, out);
    out.push('}');
}

fn json_value(tape: &mut Tape, out: &mut String, depth: usize) {
    match tape.below(10) {
        0..=3 => {
            let text = words::text(tape);
            json_text(tape, out, &text);
        }
        4 | 5 => out.push_str(tape.pick(&[
            "1",
            "0",
            "-0",
            "-7",
            "1.0",
            "1.10",
            "0.1",
            "1e3",
            "1E+3",
            "1e-7",
            "1e-6",
            "0.000001",
            "0.00000012",
            "1e21",
            "1e20",
            "123456789012345680000",
            "1e100",
            "-1.5e-10",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "3.141592653589793238",
            "1.7976931348623157e308",
            "5e-324",
            "100000000000000000000000",
            "-0.0",
            "2.5",
            "1e2",
            "123e-2",
            "1e400",
        ])),
        6 => out.push_str(tape.pick(&["true", "false", "null"])),
        7 | 8 if depth < 5 => json_object(tape, out, depth),
        _ if depth < 5 => {
            let count = tape.below(4);
            out.push('[');
            for at in 0..count {
                if at > 0 {
                    out.push(',');
                }
                json_space(tape, out);
                json_value(tape, out, depth + 1);
            }
            out.push(']');
        }
        _ => out.push_str("\"deep\""),
    }
}

fn json_space(tape: &mut Tape, out: &mut String) {
    out.push_str(tape.pick(&["", " ", "", "\n  ", "\t"]));
}

fn json_text(tape: &mut Tape, out: &mut String, text: &str) {
    if tape.percent(4) {
        out.push_str(tape.pick(&[
            "\"\\u00e9\"",
            "\"\\ud83e\\udd80\"",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "\"\\/\\b\\f\"",
            "\"<a>&'\"",
            "\"\\u2028\"",
            "\"\\uDEAD x\"",
        ]));
        return;
    }
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if u32::from(letter) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

pub(crate) fn dotenv(tape: &mut Tape) -> String {
    let count = tape.below(9);
    let mut out = String::new();
    for _ in 0..count {
        match tape.below(12) {
            0 => out.push_str(&format!("#{}", tape.pick(COMMENTS))),
            1 => out.push_str(tape.pick(&["", "# c", " # c=d", "#"])),
            2 if tape.percent(8) => out.push_str(tape.pick(&["no equals sign", " ", "export X"])),
            _ => {
                let key = words::key(tape).replace(['\n', '='], "_");
                let key = if key.starts_with("sops") || key.starts_with('#') { "k".to_owned() } else { key };
                let prefix = tape.pick(&["", "", "", "", "export ", " "]);
                let value = words::text(tape).replace('\n', tape.pick(&["\\n", "\\\\n", " "]));
                let value = match tape.below(8) {
                    0 => format!("\"{value}\""),
                    1 => format!("'{value}'"),
                    2 => format!(" {value} "),
                    _ => value,
                };
                out.push_str(&format!("{prefix}{key}={value}"));
            }
        }
        out.push_str(if tape.percent(4) { "\r\n" } else { "\n" });
    }
    if tape.percent(10) {
        out.pop();
    }
    out
}

pub(crate) fn ini(tape: &mut Tape) -> String {
    let mut out = String::new();
    if tape.percent(30) {
        ini_items(tape, &mut out);
    }
    let count = 1 + tape.below(4);
    for _ in 0..count {
        if tape.percent(20) {
            out.push_str(&format!("{}{}\n", tape.pick(&["#", ";", "; ", "# "]), tape.pick(COMMENTS)));
        }
        let name = tape.pick(&[
            "a",
            "section",
            "b c",
            "DEFAULT",
            "k.dot",
            "é",
            "a.b",
            "x=y",
            "[n]",
            "data",
            "1",
            "S",
            "a_unencrypted",
        ]);
        let end = tape.pick(&["", "", "", "", " ", " ; c", " # c"]);
        out.push_str(&format!("{}[{name}]{end}\n", tape.pick(&["", "", "", "", " "])));
        ini_items(tape, &mut out);
    }
    out
}

fn ini_items(tape: &mut Tape, out: &mut String) {
    let count = tape.below(5);
    for _ in 0..count {
        if tape.percent(15) {
            out.push_str(&format!("{}{}\n", tape.pick(&["#", ";", "; ", "# ", "  ; "]), tape.pick(COMMENTS)));
        }
        if tape.percent(8) {
            out.push('\n');
        }
        let key = match tape.below(6) {
            0 => tape.pick(&[
                "k.dot",
                "with space",
                "\"q\"",
                "`b`",
                "`a=b`",
                "\"a:b\"",
                "-",
                "1",
                "é",
                "K",
                "a_unencrypted",
                "x#y",
            ]),
            _ => tape.pick(&["a", "b", "key", "name", "long_name_here", "data"]),
        };
        let value = match tape.below(8) {
            0 => tape
                .pick(&[
                    "",
                    "\"q v\"",
                    "'s v'",
                    "`b v`",
                    "\"\"\"three\nlines\nhere\"\"\"",
                    "v ; c",
                    "v # c",
                    "\"x;y\"",
                    "a \\",
                    "a \\\n  b",
                    "\"open",
                    "v;x",
                    "v#x",
                    "`x`y`",
                    "\"a\" b",
                    "%(a)s",
                    "'''t'''",
                    "\\n",
                    "\"\"",
                    "a = b",
                    "a : b",
                    "   x   ",
                ])
                .to_owned(),
            1 => tape.pick(SPELLINGS).to_owned(),
            2 => words::text(tape).replace(['\n', '\r'], " "),
            _ => tape.pick(&["x", "value", "two words", "12", "true"]).to_owned(),
        };
        out.push_str(&format!(
            "{}{key}{}{value}\n",
            tape.pick(&["", "", "", "", "  "]),
            tape.pick(&[" = ", "=", " : ", " =", ": "])
        ));
    }
}

pub(crate) fn binary(tape: &mut Tape) -> Vec<u8> {
    let count = tape.below(60);
    if tape.percent(50) {
        return (0..count).map(|_| tape.below(256) as u8).collect();
    }
    words::text(tape).into_bytes()
}
