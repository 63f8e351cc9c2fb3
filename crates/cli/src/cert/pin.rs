//! `bulla cert pin`: states which certificate a cluster's controller has, once it was compared.

use bulla_core::sealed::{Fingerprint, SealingCertificate};
use jiff::Timestamp;

use super::changed;
use super::describe::Description;
use super::pins::Pins;
use super::search::{self, Wanted};
use crate::cluster::{self, Choice};
use crate::io::{Console, Source, read};
use crate::report::{Code, Report, Result, bad_certificate};

/// What to pin.
#[derive(Debug)]
pub(crate) struct Options {
    /// The certificate must have this fingerprint.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// A certificate that is there already; else the cluster is asked.
    pub(crate) file: Option<Source>,
    /// Whose certificate it is.
    pub(crate) cluster: Choice,
    /// Which controller of that cluster.
    pub(crate) controller: Wanted,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let now = Timestamp::now();
    cluster::block_on(async {
        let config = cluster::config(&options.cluster).await?;
        let pins = Pins::of(&config)?.ok_or_else(|| {
            Report::new(Code::WriteFile, "there is no home folder to keep the pin in")
                .hint("set HOME, or XDG_STATE_HOME to a folder of yours")
        })?;
        let (place, certificate) = match &options.file {
            Some(source) => {
                let name = source.to_string();
                let pem = read(source)?;
                let certificate = SealingCertificate::from_pem(&pem).map_err(|error| bad_certificate(&name, &error))?;
                let Wanted { namespace, name } = &options.controller;
                (namespace.clone().zip(name.clone()), certificate)
            }
            None => {
                let offer = search::ask(config, &options.controller).await?;
                (Some((offer.namespace, offer.name)), offer.certificate)
            }
        };
        let from = match &place {
            Some((namespace, name)) => format!("Service {namespace}/{name} of the cluster at {}", pins.server()),
            None => format!("the cluster at {}", pins.server()),
        };
        if let Some(fingerprint) = &options.fingerprint
            && fingerprint != certificate.fingerprint()
        {
            return Err(changed::not_the_named(&from, &certificate, fingerprint));
        }
        certificate.check_not_expired(now).map_err(|error| bad_certificate(&from, &error))?;
        pins.put(place.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str())), &certificate, now)?;
        console.note(&format!("pinned for {from}: {}", Description::of(&certificate, now).one_line()));
        Ok(())
    })
}
