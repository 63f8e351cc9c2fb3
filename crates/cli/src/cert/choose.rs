//! Which certificate is sealed with, and whether it may be: `--cert`; what `.bulla.yaml` says of the cluster; the pinned one; the
//! cluster's own. The first that is stated wins, and one that has changed since it was pinned is refused.
//!
//! A pin that was compared with the cluster within the last day is used without asking. After that the cluster is asked, so
//! that a renewed key is noticed; where it does not answer, the pinned certificate is still good: it is public, and the controller
//! keeps its old keys.

use std::path::Path;
use std::time::Duration;

use bulla_core::sealed::{Fingerprint, SealingCertificate};
use jiff::Timestamp;

use super::changed::{self, Pinned};
use super::describe::Description;
use super::fetch::{self};
use super::pins::{Pin, Pins};
use super::search::{self, Offer, Wanted};
use crate::age::age;
use crate::cluster::{self, Choice};
use crate::config::{Cluster, Config, Policy};
use crate::io::{Console, Source, read};
use crate::report::{Code, Report, Result, bad_certificate};

/// With a pin at hand nobody waits long for a cluster that may be out of reach.
const PATIENCE: Duration = Duration::from_secs(3);

/// What flags say about the certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateChoice {
    /// `--cert`: a file, or a URL.
    pub(crate) given: Option<Given>,
    /// `--cluster`: a name in `.bulla.yaml`.
    pub(crate) cluster_name: Option<String>,
    /// `--accept-fingerprint`: the certificate must be exactly this one, and may replace another.
    pub(crate) accept: Option<Fingerprint>,
    /// `--kubeconfig` and `--context`.
    pub(crate) cluster: Choice,
    /// `--controller-namespace` and `--controller-name`.
    pub(crate) controller: Wanted,
}

/// The value of `--cert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A file, or standard input.
    File(Source),
    /// `http://`, `https://` or `file://`.
    Url(String),
}

/// A certificate that may be sealed with now.
pub(crate) struct Chosen {
    pub(crate) certificate: SealingCertificate,
    /// Where it is from, in words: `cert.pem`, or `the cluster at https://…`.
    pub(crate) from: String,
}

/// Chooses for the file at `path`, or for the folder that this runs in, by the rules of its repository. Says which one it is.
pub(crate) fn choose_for(choice: &CertificateChoice, path: Option<&Path>, console: Console) -> Result<Chosen> {
    let folder = path.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    let config = Config::find(folder)?;
    let entry = entry(choice, config.as_ref(), path)?;
    let policy = config.as_ref().map(|config| config.policy.clone()).unwrap_or_default();
    choose(choice, entry, &policy, console)
}

/// What `.bulla.yaml` says of the cluster: of the one that is named, else of the one that the file's rule names, else of the only
/// one. With another choice on the command line, nothing.
pub(crate) fn entry<'a>(
    choice: &CertificateChoice,
    config: Option<&'a Config>,
    path: Option<&Path>,
) -> Result<Option<&'a Cluster>> {
    let Some(config) = config else {
        return match &choice.cluster_name {
            Some(name) => Err(Report::new(Code::UnknownCluster, format!("there is no .bulla.yaml that could describe the cluster {name}"))
                .hint("write one at the root of the repository, or choose by --context NAME of your kubeconfig, or --cert FILE")),
            None => Ok(None),
        };
    };
    if let Some(name) = &choice.cluster_name {
        return config.cluster(name).map(Some);
    }
    if choice.given.is_some() || choice.cluster.kubeconfig.is_some() || choice.cluster.context.is_some() {
        return Ok(None);
    }
    let found = match path {
        Some(path) => config.cluster_of(path),
        None => match config.clusters() {
            [only] => Some(only),
            _ => None,
        },
    };
    match found {
        None if !config.clusters().is_empty() => {
            let names: Vec<&str> = config.clusters().iter().map(|cluster| cluster.name.as_str()).collect();
            let file = config.path().display().to_string();
            Err(Report::new(
                Code::WhichCluster,
                format!(
                    "{} describes {} clusters, and no rule says which one this is for",
                    file.escape_debug(),
                    names.len()
                ),
            )
            .hint(format!("name it: --cluster {}; or write a rule for the file", names.join(" or --cluster "))))
        }
        found => Ok(found),
    }
}

/// Chooses, and says which certificate it is, where it is from, and how old.
pub(crate) fn choose(
    choice: &CertificateChoice,
    entry: Option<&Cluster>,
    policy: &Policy,
    console: Console,
) -> Result<Chosen> {
    let now = Timestamp::now();
    let chosen = select(choice, entry, now, console)?;
    chosen.certificate.check_not_expired(now).map_err(|error| bad_certificate(&chosen.from, &error))?;
    let description = Description::of(&chosen.certificate, now);
    console.note(&format!("sealing with {}, from {}", description.one_line(), chosen.from));
    for warning in description.warnings() {
        console.warn(&format!("{}: {warning}", chosen.from));
    }
    if let Some(max) = policy.certificate_max_age
        && now.duration_since(chosen.certificate.not_before()) > max
    {
        console.warn(&format!(
            "{}: the certificate is {} old, and the policy of .bulla.yaml wants none older than {} days: fetch the present one: \
             bulla cert fetch",
            chosen.from,
            age(chosen.certificate.not_before(), now),
            max.as_hours() / 24,
        ));
    }
    Ok(chosen)
}

/// Chooses without a word about the result; an expired certificate is a result, too.
pub(crate) fn select(
    choice: &CertificateChoice,
    entry: Option<&Cluster>,
    now: Timestamp,
    console: Console,
) -> Result<Chosen> {
    if let Some(given) = &choice.given {
        let chosen = given_certificate(given, console)?;
        refuse_other_than(choice.accept.as_ref(), &chosen.certificate, &chosen.from)?;
        if let Some(pinned) = entry.and_then(|entry| entry.fingerprint.as_ref())
            && pinned != chosen.certificate.fingerprint()
            && choice.accept.is_none()
        {
            return Err(changed::refused(&chosen.from, &chosen.certificate, &Pinned::by_repository(pinned, entry)));
        }
        return Ok(chosen);
    }
    if let Some(entry) = entry
        && let Some(file) = &entry.certificate
    {
        let from = file.display().to_string().escape_debug().to_string();
        let certificate =
            from_file(&Source::File(file.clone())).map_err(|report| report_missing(report, entry, &from))?;
        refuse_other_than(choice.accept.as_ref(), &certificate, &from)?;
        if let Some(pinned) = &entry.fingerprint
            && pinned != certificate.fingerprint()
            && choice.accept.is_none()
        {
            return Err(changed::refused(&from, &certificate, &Pinned::by_repository(pinned, Some(entry))));
        }
        return Ok(Chosen { certificate, from });
    }
    of_cluster(choice, entry, now, console)
}

/// The certificate file that `.bulla.yaml` names is not there.
fn report_missing(report: Report, entry: &Cluster, file: &str) -> Report {
    if report.code() != Code::ReadFile {
        return report;
    }
    let context = entry.context.as_ref().map(|context| format!(" --context {context}")).unwrap_or_default();
    let message = format!("{}; .bulla.yaml names it for the cluster {}", report.message(), entry.name);
    Report::new(Code::ReadFile, message).hint(format!("fetch it: bulla cert fetch{context} -w {file}"))
}

fn given_certificate(given: &Given, console: Console) -> Result<Chosen> {
    match given {
        Given::File(source) => Ok(Chosen { certificate: from_file(source)?, from: source.to_string() }),
        Given::Url(url) => {
            fetch::warn_if_unprotected(url, console);
            let from = url.escape_debug().to_string();
            let pem = fetch::fetch(url)?;
            let certificate = SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&from, &error))?;
            Ok(Chosen { certificate, from })
        }
    }
}

fn from_file(source: &Source) -> Result<SealingCertificate> {
    let pem = read(source)?;
    SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&source.to_string(), &error))
}

/// `--accept-fingerprint` names one certificate, and no other will do.
fn refuse_other_than(accept: Option<&Fingerprint>, certificate: &SealingCertificate, from: &str) -> Result<()> {
    match accept {
        Some(accept) if accept != certificate.fingerprint() => Err(changed::not_accepted(from, certificate, accept)),
        _ => Ok(()),
    }
}

/// The pinned certificate, or the cluster's own.
fn of_cluster(choice: &CertificateChoice, entry: Option<&Cluster>, now: Timestamp, console: Console) -> Result<Chosen> {
    let cluster_choice = Choice {
        kubeconfig: choice.cluster.kubeconfig.clone(),
        context: choice.cluster.context.clone().or_else(|| entry.and_then(|entry| entry.context.clone())),
        ..Choice::default()
    };
    let expected = entry.and_then(|entry| entry.fingerprint.as_ref());
    cluster::block_on(async {
        let mut config = cluster::config(&cluster_choice).await.map_err(nothing_given)?;
        let pins = Pins::of(&config)?;
        let known = pins.as_ref().and_then(|pins| pins.for_wanted(&choice.controller));
        let known = known.filter(|pin| pin.certificate.not_after() > now);
        let wanted = choice.accept.as_ref().or(expected);
        if let (Some(pin), Some(pins)) = (known, &pins)
            && pin.is_fresh(now)
            && wanted.is_none_or(|wanted| wanted == pin.fingerprint())
        {
            return taken(pin, pins);
        }
        if known.is_some() {
            config.connect_timeout = Some(PATIENCE);
        }
        let server = config.cluster_url.to_string();
        let server = server.trim_end_matches('/').to_owned();
        let offer = match search::ask(config, &choice.controller).await {
            Ok(offer) => offer,
            Err(report) => {
                return match (known, &pins) {
                    (Some(pin), Some(pins))
                        if is_silence(report.code()) && wanted.is_none_or(|wanted| wanted == pin.fingerprint()) =>
                    {
                        console.note(&format!(
                            "the cluster cannot be asked ({}); the pinned certificate is used, last compared {} ago",
                            report.message(),
                            age(pin.checked, now)
                        ));
                        taken(pin, pins)
                    }
                    _ => Err(report),
                };
            }
        };
        settle(offer, &server, choice, entry, pins.as_ref(), now, console)
    })
}

/// Compares what the cluster offers with what is pinned, and pins it.
fn settle(
    offer: Offer,
    server: &str,
    choice: &CertificateChoice,
    entry: Option<&Cluster>,
    pins: Option<&Pins>,
    now: Timestamp,
    console: Console,
) -> Result<Chosen> {
    let Offer { namespace, name, certificate, .. } = offer;
    let from = format!("Service {namespace}/{name} of the cluster at {server}");
    refuse_other_than(choice.accept.as_ref(), &certificate, &from)?;
    let pin = pins.and_then(|pins| pins.for_place(&namespace, &name));
    let pinned = match (entry.and_then(|entry| entry.fingerprint.as_ref()), pin) {
        (Some(fingerprint), _) => Some(Pinned::by_repository(fingerprint, entry)),
        (None, Some(pin)) => Some(Pinned::here(pin.fingerprint())),
        (None, None) => None,
    };
    match &pinned {
        Some(pinned) if pinned.fingerprint != certificate.fingerprint() && choice.accept.is_none() => {
            return Err(changed::refused(&from, &certificate, pinned));
        }
        None => console.note(&format!(
            "{from} is asked for the first time: its certificate is pinned, and another one will be refused; compare the \
             fingerprint with your team's"
        )),
        Some(_) => {}
    }
    if let Some(pins) = pins
        && let Err(report) = pins.put(Some((&namespace, &name)), &certificate, now)
    {
        // Sealing does not need the pin.
        console.warn(&format!("the certificate cannot be pinned: {}", report.message()));
    }
    Ok(Chosen { certificate, from })
}

fn taken(pin: &Pin, pins: &Pins) -> Result<Chosen> {
    let from = match &pin.place {
        Some((namespace, name)) => format!("the pin of Service {namespace}/{name} of the cluster at {}", pins.server()),
        None => format!("the pin of the cluster at {}", pins.server()),
    };
    let pem = pin.certificate.to_pem();
    let certificate = SealingCertificate::from_pem(pem.as_bytes()).map_err(|error| bad_certificate(&from, &error))?;
    Ok(Chosen { certificate, from })
}

/// Whether a failure means that the cluster, or the controller in it, did not answer.
fn is_silence(code: Code) -> bool {
    matches!(code, Code::ClusterUnreachable | Code::ClusterRefused | Code::ControllerNotFound)
}

/// No cluster to ask is no certificate to seal with.
fn nothing_given(report: Report) -> Report {
    if report.code() != Code::NoCluster {
        return report;
    }
    Report::new(
        Code::NoCertificateGiven,
        "no certificate is given to seal with, and no cluster is configured that could be asked",
    )
    .hint(
        "fetch the cluster's certificate once, it is public: bulla cert fetch > cert.pem\n\
             then: bulla seal --cert cert.pem FILE",
    )
}
