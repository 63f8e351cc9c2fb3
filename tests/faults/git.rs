//! What Git states: the objects as they should be, and whether the cluster is so.

use std::collections::BTreeMap;

use bulla_core::sealed::{GeneratedKey, Scope};
use serde_json::{Value, json};

use crate::harness::api::{self, synced};
use crate::harness::random::Random;
use crate::harness::sealing::{base64, sealed_object};
use crate::harness::world::World;

/// What one object says.
pub(crate) struct Stated {
    pub(crate) values: BTreeMap<String, String>,
    /// Sealed for a key that nobody has.
    pub(crate) broken: bool,
    /// How often its Secret was tampered with: the fourth repair within ten minutes waits.
    pub(crate) tampered: usize,
}

#[derive(Default)]
pub(crate) struct Git {
    pub(crate) objects: BTreeMap<String, Stated>,
    /// Every value that ever was: none may be seen outside of Secrets.
    pub(crate) canaries: Vec<String>,
    made: usize,
}

impl Git {
    /// A commit: new values for `name`, which may be new itself.
    pub(crate) fn commit(
        &mut self,
        world: &World,
        random: &mut Random,
        name: &str,
        keys: &[&GeneratedKey],
        broken: bool,
    ) -> Value {
        self.made += 1;
        let mut values = BTreeMap::new();
        for item in ["password", "token"].iter().take(1 + random.below(2)) {
            let value = format!("canary-{}-{:016x}", self.made, random.next());
            self.canaries.push(value.clone());
            values.insert((*item).to_owned(), value);
        }
        let pairs: Vec<(&str, &str)> = values.iter().map(|(item, value)| (item.as_str(), value.as_str())).collect();
        let key = random.pick(keys);
        let sealed = sealed_object(&key.certificate, Scope::Strict, (&world.namespace, name), &pairs);
        let tampered = self.objects.get(name).map_or(0, |stated| stated.tampered);
        self.objects.insert(name.to_owned(), Stated { values, broken, tampered });
        sealed
    }

    pub(crate) fn new_name(&self) -> String {
        format!("object-{}", self.made)
    }

    /// Where the cluster differs from what is stated.
    pub(crate) async fn differences(&self, world: &World) -> Vec<String> {
        let by_name = |objects: Vec<Value>| -> BTreeMap<String, Value> {
            let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
            objects.into_iter().map(|object| (name(&object), object)).collect()
        };
        let secrets = by_name(world.admin().items(&api::secrets(&world.namespace)).await);
        let sealed = by_name(world.admin().items(&api::sealed_secrets(&world.namespace)).await);
        let mut found = Vec::new();
        for (name, stated) in &self.objects {
            let Some(sealed) = sealed.get(name) else {
                found.push(format!("{name}: the SealedSecret is not there"));
                continue;
            };
            let status = if stated.broken { "False" } else { "True" };
            if synced(sealed) != Some(status) {
                found.push(format!("{name}: Synced should be {status}: {}", sealed["status"]));
            }
            if stated.broken {
                continue;
            }
            let Some(secret) = secrets.get(name) else {
                found.push(format!("{name}: there is no Secret"));
                continue;
            };
            let data: Value = stated.values.iter().map(|(item, value)| (item.clone(), json!(base64(value)))).collect();
            if secret["data"] != data {
                found.push(format!("{name}: the data are not what Git states"));
            }
            let owners = &secret["metadata"]["ownerReferences"];
            if owners.as_array().map(Vec::len) != Some(1) || owners[0]["uid"] != sealed["metadata"]["uid"] {
                found.push(format!("{name}: the owners are {owners}"));
            }
        }
        let unknown = secrets.keys().filter(|name| !self.objects.contains_key(*name));
        found.extend(unknown.map(|name| format!("{name}: a Secret that nobody states")));
        found
    }
}
