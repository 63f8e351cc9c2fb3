//! What `--help` says after the flags: an example that can be typed, and what a person would ask next.

/// `bulla --help`
pub(crate) const TOP: &str = "\
Example, the first five minutes:
  bulla quickstart                               see it all happen, without a cluster
  bulla cert fetch > cert.pem                    the cluster's public certificate; commit it
  bulla seal --cert cert.pem secret.yaml -w sealed.yaml
  kubectl apply -f sealed.yaml                   the controller makes the Secret

`bulla kubeseal …` behaves as kubeseal does; so does the binary under the name kubeseal.
Exit codes: 0 done, 1 failed, 2 needs attention, 3 usage, 130 interrupted.
Every error has a code such as E0205; docs/errors.md explains it.";

/// `bulla unseal --help`
pub(crate) const UNSEAL: &str = "\
Example:
  kubectl get secret -n kube-system -o yaml \\
      -l sealedsecrets.bitnami.com/sealed-secrets-key > keys.yaml
  bulla unseal --key keys.yaml db.sealed.yaml
  bulla unseal --from-cluster db.sealed.yaml     what the cluster made of exactly these ciphertexts

If one value does not open, nothing is printed, and each value that does not is explained. New
files that are written with --write are readable by you only.";

/// `bulla controller --help`
pub(crate) const CONTROLLER: &str = "\
Example, with the cluster of your kubeconfig:
  bulla controller --namespace kube-system
  bulla controller --kubeconfig dev.kubeconfig --listen-addr 127.0.0.1:8080 \\
      --listen-metrics-addr 127.0.0.1:8081

SIGTERM stops it in order; SIGUSR1 makes a new sealing key. Under the name `controller` it is a
drop-in for the stock controller: same flags, same variables, same manifests.";

/// `bulla devcluster --help`
pub(crate) const DEVCLUSTER: &str = "\
Example:
  bulla devcluster --kubeconfig dev.kubeconfig &
  kubectl --kubeconfig dev.kubeconfig get crds
  bulla controller --kubeconfig dev.kubeconfig --namespace kube-system

Prints one line when ready. Without --data, all is gone when it stops. Nothing runs pods.
Not for anything that matters.";

/// `bulla quickstart --help`
pub(crate) const QUICKSTART: &str = "\
Example:
  bulla quickstart
  bulla quickstart --keep                        then: export KUBECONFIG=…, kubectl get sealedsecrets -A
  bulla quickstart --json | jq -r 'select(.ok | not)'

Needs no cluster, no network and no files. Every step prints the command that does the same by hand, and
is checked through the API. Exit code 0 only if all of it really happened.";
