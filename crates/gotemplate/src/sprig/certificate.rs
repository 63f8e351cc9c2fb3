//! Certificates: authorities, self-signed, signed by an authority of the template's.

use std::net::IpAddr;
use std::rc::Rc;

use aws_lc_rs::rsa::KeySize;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::encoding::decode_base64;
use super::key::{self, Key};
use super::{int, lossy, random, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::{Certificate, Text, Value};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("buildCustomCert", "ss", build),
    function("genCA", "si", |meter, args| authority(meter, args, key::rsa(meter, KeySize::Rsa2048)?)),
    function("genCAWithKey", "sis", |meter, args| authority(meter, args, key::read(text(&args[2])?)?)),
    function("genSelfSignedCert", "slli", |meter, args| self_signed(meter, args, key::rsa(meter, KeySize::Rsa2048)?)),
    function("genSelfSignedCertWithKey", "sllis", |meter, args| self_signed(meter, args, key::read(text(&args[4])?)?)),
    function("genSignedCert", "sllic", |meter, args| signed(meter, args, key::rsa(meter, KeySize::Rsa2048)?)),
    function("genSignedCertWithKey", "sllics", |meter, args| signed(meter, args, key::read(text(&args[5])?)?)),
];

const FAILED: Fail = Fail::new("error creating certificate");
const BROKEN: Fail = Fail::new("error parsing certificate");

fn pair(cert: &[u8], key: Text) -> Value {
    Value::Certificate(Rc::new(Certificate { cert: Text::from(cert), key }))
}

/// A certificate and a key that the template brings along, in base64.
fn build(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let cert = decode_base64(text(&args[0])?).map_err(|_| Fail::new("unable to decode base64 certificate"))?;
    let key = decode_base64(text(&args[1])?).map_err(|_| Fail::new("unable to decode base64 private key"))?;
    let (_, der) = key::pem_block(&cert).ok_or(Fail::new("unable to decode certificate"))?;
    x509_parser::parse_x509_certificate(&der).map_err(|_| BROKEN)?;
    key::read(&key)?;
    Ok(pair(&cert, Text::from(key)))
}

fn signer(key: &Key) -> Result<KeyPair, Fail> {
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(&key.pkcs8[..])).map_err(|_| Fail::new("unsupported private key"))
}

/// sprig's base template: a random serial number, both TLS usages, valid from now.
fn parameters(
    meter: &Meter,
    name: &Value,
    days: &Value,
    ips: Option<&Value>,
    names: Option<&Value>,
) -> Result<CertificateParams, Fail> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, lossy(text(name)?));
    let mut serial = random::bytes::<16>(meter)?;
    // A serial number is positive.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now;
    let days = time::Duration::checked_seconds_f64(int(days) as f64 * 86_400.0).ok_or(Fail::new("no such date"))?;
    params.not_after = now.checked_add(days).filter(|date| date.year() >= 0).ok_or(Fail::new("no such date"))?;
    for item in items(names)? {
        let name = lossy(text(&item).map_err(|_| Fail::new("an alternate DNS name is not a string"))?);
        params.subject_alt_names.push(SanType::DnsName(name.try_into().map_err(|_| FAILED)?));
    }
    for item in items(ips)? {
        let ip = lossy(text(&item).map_err(|_| Fail::new("an IP address is not a string"))?);
        let ip: IpAddr = ip.parse().map_err(|_| Fail::new("error parsing ip"))?;
        params.subject_alt_names.push(SanType::IpAddress(ip));
    }
    Ok(params)
}

fn items(list: Option<&Value>) -> Result<Vec<Value>, Fail> {
    match list {
        Some(Value::List(list)) => Ok(list.to_vec()),
        _ => Ok(Vec::new()),
    }
}

fn authority(meter: &Meter, args: &[Value], key: Key) -> Result<Value, Fail> {
    let mut params = parameters(meter, &args[0], &args[1], None, None)?;
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = params.self_signed(&signer(&key)?).map_err(|_| FAILED)?;
    Ok(pair(&key::pem("CERTIFICATE", cert.der()), Text::from(key.pem)))
}

fn self_signed(meter: &Meter, args: &[Value], key: Key) -> Result<Value, Fail> {
    let params = parameters(meter, &args[0], &args[3], Some(&args[1]), Some(&args[2]))?;
    let cert = params.self_signed(&signer(&key)?).map_err(|_| FAILED)?;
    Ok(pair(&key::pem("CERTIFICATE", cert.der()), Text::from(key.pem)))
}

fn signed(meter: &Meter, args: &[Value], key: Key) -> Result<Value, Fail> {
    let Value::Certificate(authority) = &args[4] else { return Err(Fail::new("expected sprig.certificate")) };
    let (_, der) = key::pem_block(&authority.cert).ok_or(Fail::new("unable to decode certificate"))?;
    let authority_key = signer(&key::read(&authority.key)?)?;
    let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(&der[..]), authority_key).map_err(|_| BROKEN)?;
    let params = parameters(meter, &args[0], &args[3], Some(&args[1]), Some(&args[2]))?;
    let cert = params.signed_by(&signer(&key)?, &issuer).map_err(|_| FAILED)?;
    Ok(pair(&key::pem("CERTIFICATE", cert.der()), Text::from(key.pem)))
}
