//! The cluster's certificate authority: it signs a serving certificate at each start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use zeroize::Zeroizing;

use crate::error::Error;

/// What a TLS server needs, and what its clients need to trust it.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// The authority's certificate, PEM.
    pub(crate) authority: String,
}

/// A certificate authority: its certificate, and its key in PKCS#8, both PEM.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) certificate: String,
    pub(crate) key: Zeroizing<String>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(Error::MakeCertificate)?;
        let certificate = authority().self_signed(&key).map_err(Error::MakeCertificate)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem().into() })
    }

    /// Makes an identity for loopback and for `address`.
    pub(crate) fn identity(&self, address: IpAddr) -> Result<Identity, Error> {
        let (certificate, key) = self.serving(address).map_err(Error::MakeCertificate)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::SetUpTls)?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .map_err(Error::SetUpTls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity { config: Arc::new(config), authority: self.certificate.clone() })
    }

    fn serving(&self, address: IpAddr) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
        let issuer = Issuer::new(authority(), KeyPair::from_pem(&self.key)?);
        let mut server = CertificateParams::new(vec!["localhost".to_owned(), "kubernetes.default.svc".to_owned()])?;
        server.distinguished_name = named("bulla devcluster");
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), address] {
            if !ip.is_unspecified() && !server.subject_alt_names.contains(&SanType::IpAddress(ip)) {
                server.subject_alt_names.push(SanType::IpAddress(ip));
            }
        }
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;
        Ok((certificate, key))
    }
}

/// The same at every start, but for its key: what it signs names it by these.
fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named("bulla devcluster authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
