//! Several kubeconfigs to one: the first file that sets a value wins, and an entry is taken as a whole from the first file
//! that has its name.

use super::Kubeconfig;

/// Merges in the order of `KUBECONFIG`.
pub(super) fn merge(files: impl IntoIterator<Item = Kubeconfig>) -> Kubeconfig {
    let mut merged = Kubeconfig::default();
    for file in files {
        for (name, cluster) in file.clusters {
            merged.clusters.entry(name).or_insert(cluster);
        }
        for (name, user) in file.users {
            merged.users.entry(name).or_insert(user);
        }
        for (name, context) in file.contexts {
            merged.contexts.entry(name).or_insert(context);
        }
        if merged.current_context.is_empty() {
            merged.current_context = file.current_context;
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::file::read;
    use super::*;

    #[test]
    fn the_first_file_that_sets_a_value_wins_and_entries_are_taken_whole() {
        let files = [
            "clusters: [{name: c, cluster: {server: one}}]\nusers: [{name: red, user: {token: t}}]\ncurrent-context: ''",
            "clusters: [{name: c, cluster: {server: two, proxy-url: p}}, {name: d, cluster: {server: three}}]\n\
             users: [{name: red, user: {username: x}}]\ncurrent-context: b",
            "contexts: [{name: b, context: {cluster: d}}]\ncurrent-context: c",
        ];
        let files = files.map(|text| read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")));
        let merged = merge(files);
        assert_eq!(merged.clusters["c"].server, "one");
        assert_eq!(merged.clusters["c"].proxy_url, "", "nothing of the second file's entry");
        assert_eq!(merged.clusters["d"].server, "three");
        assert_eq!((merged.users["red"].token.as_str(), merged.users["red"].username.as_str()), ("t", ""));
        assert_eq!(merged.current_context, "b", "empty is not set");
        assert_eq!(merged.contexts["b"].cluster, "d");
    }
}
