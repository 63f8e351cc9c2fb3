//! Texts without what differs from run to run (ciphertexts, wrapped keys), and help texts without their words.

use std::sync::LazyLock;

use regex::Regex;

static SEALED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:[A-Za-z0-9+/=]{44},tag:[A-Za-z0-9+/=]{24},type:([a-z]+)\]")
        .unwrap()
});
/// Armour in any format: over lines, or with `\n` in it.
static WRAPPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"-----BEGIN ([A-Z ]+)-----(?s:.*?)-----END [A-Z ]+-----").unwrap());

/// Ciphertexts become the length of their data and their type, wrapped keys the name of their kind.
pub(crate) fn without_ciphertexts(text: &str) -> String {
    let text = SEALED.replace_all(text, |found: &regex::Captures<'_>| format!("<{} {}>", found[1].len(), &found[2]));
    WRAPPED.replace_all(&text, "<$1>").into_owned()
}

/// Help texts are in the words of whoever wrote them; commands, flags and kinds of values count, not their order. Ours has flags of its own, and tells of
/// `--help` where the real tool has it without telling.
pub(crate) fn without_help(text: &str) -> String {
    let Some(start) = text.find("NAME:\n   sops") else { return text.to_owned() };
    let mut section = "";
    let mut lines = Vec::new();
    for line in text[start..].lines() {
        if !line.starts_with(' ') && line.ends_with(':') {
            section = line;
            continue;
        }
        let left = line.trim().split(if section == "NAME:" { " - " } else { "  " }).next().unwrap_or_default();
        let is_ours = left.starts_with("--allow-") || ["--help, -h", "help, h", ""].contains(&left);
        let is_prose = !matches!(section, "NAME:" | "COMMANDS:" | "OPTIONS:" | "GLOBAL OPTIONS:");
        if !is_ours && !is_prose {
            lines.push(format!("{section} {left}\n"));
        }
    }
    lines.sort();
    text[..start].to_owned() + &lines.concat()
}
