//! A recipient as a person writes it: its kind is seen from its form.

use bulla_core::sops::KeySource;

/// The key that a text names.
pub(crate) fn parse(text: &str) -> Result<KeySource, String> {
    let text = text.trim();
    if text.starts_with("age1") || text.starts_with("ssh-") {
        crate::sops::keys::check_recipient(text)?;
        return Ok(KeySource::Age { recipient: text.to_owned() });
    }
    if text.starts_with("arn:") {
        let (arn, role) = match text.split_once("+arn:") {
            Some((arn, role)) => (arn.to_owned(), Some(format!("arn:{role}"))),
            None => (text.to_owned(), None),
        };
        return Ok(KeySource::AwsKms { arn, role, context: Vec::new(), profile: String::new() });
    }
    if text.starts_with("projects/") && text.contains("/cryptoKeys/") {
        return Ok(KeySource::GcpKms { resource_id: text.to_owned() });
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return by_url(text);
    }
    let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let hex = digits.trim_end_matches('!');
    if (hex.len() == 40 || hex.len() == 64) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(KeySource::Pgp { fingerprint: digits });
    }
    let is_uuid = |text: &str| text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if text.split_once(':').is_some_and(|(region, uuid)| !region.is_empty() && is_uuid(uuid)) {
        return Ok(KeySource::HuaweiKms { key_id: text.to_owned() });
    }
    Err("age1…, ssh-…, a PGP fingerprint of 40 digits, arn:aws:kms:…, projects/…/cryptoKeys/…, \
         https://NAME.vault.azure.net/keys/…, https://HOST/v1/ENGINE/keys/NAME, or region:uuid"
        .to_owned())
}

fn by_url(text: &str) -> Result<KeySource, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = format!("{scheme}://{host}");
    if let Some(inside) = path.strip_prefix("v1/")
        && let Some((engine_path, key_name)) = inside.rsplit_once("/keys/")
        && !key_name.is_empty()
    {
        let (engine_path, key_name) = (engine_path.to_owned(), key_name.trim_end_matches('/').to_owned());
        return Ok(KeySource::Vault { address, engine_path, key_name });
    }
    if let Some(key) = path.strip_prefix("keys/") {
        let (name, version) = key.split_once('/').unwrap_or((key, ""));
        if !name.is_empty() {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Ok(KeySource::AzureKeyVault { vault_url: address, name, version });
        }
    }
    Err("a URL is https://NAME.vault.azure.net/keys/KEY/VERSION or https://HOST/v1/ENGINE/keys/KEY".to_owned())
}

#[cfg(test)]
mod tests {
    use bulla_core::sops::KeyKind;

    use super::*;

    #[test]
    fn the_kind_is_seen_from_the_form() {
        for (text, kind) in [
            ("age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4", KeyKind::Age),
            ("467000AD2C4423D6AD1E5F53CF3A8C45D49832BE", KeyKind::Pgp),
            ("4670 00AD 2C44 23D6 AD1E 5F53 CF3A 8C45 D498 32BE", KeyKind::Pgp),
            ("arn:aws:kms:eu-west-1:1:key/x+arn:aws:iam::1:role/y", KeyKind::AwsKms),
            ("projects/p/locations/l/keyRings/r/cryptoKeys/k", KeyKind::GcpKms),
            ("https://v.vault.azure.net/keys/k/1", KeyKind::AzureKeyVault),
            ("https://vault:8200/v1/sops/keys/k", KeyKind::Vault),
            ("eu:01234567-0123-0123-0123-0123456789ab", KeyKind::HuaweiKms),
        ] {
            assert_eq!(parse(text).unwrap().kind(), kind, "{text}");
        }
        for text in ["", "age1x", "hunter2", "https://x", "467000AD"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
